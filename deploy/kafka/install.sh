#!/bin/sh
# Fetch Apache Kafka's jars (54 MB) into deploy/kafka/lib and verify them against SHA256SUMS.
# `install.sh update` writes SHA256SUMS anew, after the version in pom.xml has changed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
command -v java >/dev/null && command -v mvn >/dev/null || {
  echo "Java 17+ and Maven are needed for a real Kafka; on Debian: apt-get install openjdk-17-jre-headless maven" >&2
  exit 2
}
echo "== fetching Apache Kafka into deploy/kafka/lib"
rm -rf "$here/lib"
mvn -B -q -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$here/lib"
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
