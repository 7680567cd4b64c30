package io.vela.agent.isolation;

import java.util.Map;

/**
 * What the processes of an instance find in their environment: not what Vela was started with,
 * which may hold secrets.
 */
final class Environment {
  static final Map<String, String> OF_INSTANCES =
      Map.of(
          "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME", "/tmp");

  private Environment() {}
}
