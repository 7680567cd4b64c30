# Sourced by ./vela of a checkout and by bin/vela of a distribution.

VELA_NEEDS_JDK=25
# Before the folders of JDKs that are looked at; a test puts a folder of its own here.
VELA_JDKS=${VELA_JDKS:-}

# The major version of the Java home $1, read from its release file because starting a JVM to ask
# takes as long as most commands; nothing when it is none.
jdk_version() {
  [ -x "$1/bin/java" ] || return 0
  if [ -r "$1/release" ]; then
    local line
    while IFS= read -r line || [ -n "$line" ]; do
      [[ ! $line =~ ^JAVA_VERSION=\"?([0-9]+) ]] || echo "${BASH_REMATCH[1]}"
    done <"$1/release"
  else
    "$1/bin/java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1
  fi
}

# What names the caches for the java $1, since each JDK needs its own: its maker and version. Without a program of its
# own, as this runs before every command.
cache_name() {
  local line name=
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      IMPLEMENTOR=* | JAVA_RUNTIME_VERSION=*) name+=-${line#*=} ;;
    esac
  done 2>/dev/null <"${1%/bin/java}/release" || true
  echo "${name//[!A-Za-z0-9.+-]/}.aot"
}

# The class path of the distribution $1, in the same order wherever it is unpacked.
class_path() {
  local LC_ALL=C IFS=:
  local jars=("$1"/lib/*.jar)
  echo "${jars[*]}"
}

# Prints the path of a java that is new enough: VELA_JAVA, JAVA_HOME's, the PATH's, or the newest
# found where JDKs are usually installed.
find_jdk() {
  local home version best= best_version=0 path_java= user=${HOME:-/nonexistent}
  if [ -n "${VELA_JAVA:-}" ]; then
    echo "$VELA_JAVA"
    return
  fi
  path_java=$(command -v java || true)
  [ -z "$path_java" ] || path_java=$(dirname "$(dirname "$(readlink -f "$path_java")")")
  for home in "${JAVA_HOME:-}" "$path_java"; do
    [ -n "$home" ] || continue
    version=$(jdk_version "$home")
    if [ "${version:-0}" -ge "$VELA_NEEDS_JDK" ]; then
      echo "$home/bin/java"
      return
    fi
  done
  for home in "$VELA_JDKS"/usr/lib/jvm/* "$VELA_JDKS"/usr/local/lib/jvm/* "$VELA_JDKS"/opt/java/* \
    "$VELA_JDKS"/opt/jdk* "$user"/.sdkman/candidates/java/* "$user"/.jdks/* \
    "$user"/.local/share/mise/installs/java/* "$user"/.asdf/installs/java/* \
    "$VELA_JDKS"/Library/Java/JavaVirtualMachines/*/Contents/Home; do
    version=$(jdk_version "$home")
    if [ "${version:-0}" -ge "$VELA_NEEDS_JDK" ] && [ "$version" -gt "$best_version" ]; then
      best=$home/bin/java
      best_version=$version
    fi
  done
  if [ -z "$best" ]; then
    echo "vela: JDK $VELA_NEEDS_JDK or later was not found (looked at JAVA_HOME, PATH, /usr/lib/jvm, ~/.sdkman, ~/.jdks)" >&2
    echo "hint: install one, as from https://adoptium.net, or set JAVA_HOME" >&2
    return 1
  fi
  echo "$best"
}
