"""The errors of bundles, data sets and training runs.

ModelError
 ├── BundleError        a bundle is missing, broken, unsafe or altered
 ├── DeviceError        the requested device does not exist
 └── WorkshopError      training or measuring cannot continue as requested
      ├── DataError     a data file or label map cannot be used (``SourceError``, ``LabelError`` beside the readers)
      └── LeakError     a text or a match is on both sides of a split

Each message names the place and how to fix it.  Errors of classification are in ``model.classifier``.
"""


class ModelError(ValueError):
    """The base class: something that a person must fix."""


class BundleError(ModelError):
    """A bundle is missing, broken, unsafe or altered; the message names the file and how to fix it."""


class DeviceError(ModelError):
    """The requested device does not exist; the message says which do."""


class WorkshopError(ModelError):
    """Training or measuring cannot continue as requested."""


class DataError(WorkshopError):
    """A data file or label map cannot be used; the message names the place and how to fix it."""


class LeakError(WorkshopError):
    """A text or a match is on both sides of a split, which would make measured scores worthless."""
