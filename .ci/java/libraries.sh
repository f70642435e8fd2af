#!/usr/bin/env bash
# Installs the libraries of pom.xml if they are missing, and prints the folder that has them. It needs a JDK and Maven.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../libs/broadcast/test/support/servers/common.sh"
name=java-libraries-$(sha256sum "$here/pom.xml" | cut -c1-12)

copy_libraries() {
  cp "$here/pom.xml" .
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=. -DexcludeTransitive=true
}

once "$name" copy_libraries
echo "$CACHE/$name"
