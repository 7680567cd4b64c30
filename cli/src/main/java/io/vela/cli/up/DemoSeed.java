package io.vela.cli.up;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vela.agent.Source;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

/** The demo: a web shop of a million rows, made with SQL. */
final class DemoSeed {
  private DemoSeed() {}

  /** Its scripts in order. */
  static List<Source.Script> scripts() {
    return List.of(
        script("postgres", "1-role.sql"),
        script("postgres", "2-database.sql"),
        script("app", "3-shop.sql"),
        script("app", "4-vacuum.sql"));
  }

  private static Source.Script script(String database, String name) {
    try (var in = DemoSeed.class.getResourceAsStream("/io/vela/cli/demo/" + name)) {
      if (in == null) {
        throw new IllegalStateException(name + " is not on the class path");
      }
      return new Source.Script(database, new String(in.readAllBytes(), UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
