"""Every way in which a bundle, a data set or a training run can be refused.

ModelError
 ├── BundleError        a bundle is missing, broken, unsafe or altered
 ├── DeviceError        the device asked for is not there
 └── WorkshopError      training or measuring cannot go on as asked
      ├── DataError     a data file or label map cannot be used (``SourceError``, ``LabelError`` beside the readers)
      └── LeakError     a text or a match stands on both sides of a split

Each message names the place and how to fix it.  What fails while classifying is in ``model.classifier``.
"""


class ModelError(ValueError):
    """The root: something that a person must fix."""


class BundleError(ModelError):
    """A bundle is missing, broken, unsafe or altered; the message names the file and how to fix it."""


class DeviceError(ModelError):
    """The requested device is not there; the message says what is."""


class WorkshopError(ModelError):
    """Training or measuring cannot go on as requested."""


class DataError(WorkshopError):
    """A data file or label map cannot be used; the message names the place and how to fix it."""


class LeakError(WorkshopError):
    """A text or a match is on both sides of a split, which would make measured scores worthless."""
