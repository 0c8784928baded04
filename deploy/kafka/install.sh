#!/bin/sh
# Download Apache Kafka's jars (54 MB) into deploy/kafka/lib and verify them against SHA256SUMS.
# `install.sh update` rewrites SHA256SUMS after a change of the version in pom.xml.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
command -v java >/dev/null && command -v mvn >/dev/null || {
  echo "Java 17+ and Maven are needed for a real Kafka; on Debian: apt-get install openjdk-17-jre-headless maven" >&2
  exit 2
}
echo "== fetching Apache Kafka into deploy/kafka/lib"
rm -rf "$here/lib"
# Maven prints colour codes whatever its options, so its output is buffered, and shown without them if it fails.
said=$(mvn -B -q -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$here/lib" 2>&1) || {
  printf '%s\n' "$said" | sed "s/$(printf '\033')\[[0-9;]*m//g" >&2
  echo "Maven could not fetch Kafka (above); is Maven Central, or your mirror of it, in reach?" >&2
  exit 2
}
cd "$here/lib"
if [ "${1:-}" = update ]; then
  sha256sum -- *.jar > ../SHA256SUMS
fi
sha256sum --check --quiet --strict ../SHA256SUMS || {
  echo "These jars are not the ones in deploy/kafka/SHA256SUMS; they are not used." >&2
  rm -rf "$here/lib"
  exit 2
}
for jar in *.jar; do
  grep -q " $jar\$" ../SHA256SUMS || { echo "$jar is not in deploy/kafka/SHA256SUMS" >&2; rm -rf "$here/lib"; exit 2; }
done
touch .installed
