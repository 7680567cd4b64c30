package io.vela.agent.isolation;

import java.util.List;

/** What of the host the processes of a branch see in their file tree, whoever makes it. */
final class TreeContents {
  /** Folders of programs and libraries below {@code /}, where they exist; some may be links. */
  static final List<String> SYSTEM =
      List.of("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32");

  /** Files and folders below {@code /etc}, where they exist. */
  static final List<String> SETTINGS =
      List.of("ld.so.cache", "localtime", "alternatives", "perl", "ssl/openssl.cnf");

  /** The same for a branch that shares the host's network. */
  static final List<String> NETWORK_SETTINGS =
      List.of("resolv.conf", "hosts", "nsswitch.conf", "services", "ssl/certs");

  /** Character devices (Linux documentation, "admin-guide/devices.rst"): name, major, minor. */
  record Device(String name, int major, int minor) {}

  static final List<Device> DEVICES =
      List.of(
          new Device("null", 1, 3),
          new Device("zero", 1, 5),
          new Device("full", 1, 7),
          new Device("random", 1, 8),
          new Device("urandom", 1, 9));

  /** A link below {@code /}. */
  record Link(String name, String target) {}

  static final List<Link> LINKS =
      List.of(
          new Link("dev/fd", "/proc/self/fd"),
          new Link("dev/stdin", "/proc/self/fd/0"),
          new Link("dev/stdout", "/proc/self/fd/1"),
          new Link("dev/stderr", "/proc/self/fd/2"));

  /** As much of the memory as others can spare; by default it would be half. */
  static final String SHARED_MEMORY = "mode=1777,size=25%";

  static final String TEMPORARY = "mode=1777,size=10%";
  static final String SMALL = "mode=0755,size=1m";

  private TreeContents() {}

  /** {@code /etc/passwd}. */
  static String users(long user, long group) {
    return "root:x:0:0::/:/usr/sbin/nologin\nvela:x:%d:%d::/tmp:/usr/sbin/nologin\n"
        .formatted(user, group);
  }

  /** {@code /etc/group}. */
  static String groups(long group) {
    return "root:x:0:\nvela:x:%d:\n".formatted(group);
  }
}
