package io.vela.bench;

import java.io.IOException;
import java.util.List;

/**
 * The settings that a server runs with as a whole, by its own word. Those of a session are its
 * client's; paths, in which a floor differs from its branch, are left out.
 *
 * @param lines {@code name=value} each
 */
record ServerSettings(List<String> lines) {
  private static final String QUESTION =
      """
      SELECT string_agg(name || '=' || setting, E'\\n' ORDER BY name) FROM pg_settings
      WHERE source NOT IN ('client', 'session', 'database', 'user', 'database user')
      AND name NOT IN ('data_directory', 'config_file', 'hba_file', 'ident_file',
      'unix_socket_directories', 'role', 'session_authorization')\
      """;

  ServerSettings {
    lines = List.copyOf(lines);
  }

  /** Those of the server that the client connects to. */
  static ServerSettings of(FirstRow client) throws IOException {
    return new ServerSettings(client.ask(QUESTION).lines().toList());
  }

  /**
   * Holds them against a branch's.
   *
   * @throws IllegalStateException when one differs: a server with these is no floor of that branch
   */
  void requireSameAs(ServerSettings branch) {
    if (!lines.equals(branch.lines)) {
      throw new IllegalStateException(
          "bare Postgres runs with %s where the branch has %s"
              .formatted(without(lines, branch.lines), without(branch.lines, lines)));
    }
  }

  private static List<String> without(List<String> lines, List<String> others) {
    return lines.stream().filter(line -> !others.contains(line)).toList();
  }
}
