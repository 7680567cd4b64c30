package io.vela.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TerminalTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private final Terminal terminal =
      new Terminal(new PrintWriter(out), new PrintWriter(err), Map.of(), Path.of("/"));

  @Test
  void noNameTellsTheTerminalAnything() {
    terminal.out().println("deleted \u001b]0;owned\u0007\u009b2J");
    terminal.err().printf("vela: %s%n", "a\rb\u202ec");

    assertThat(out).hasToString("deleted \\u001b]0;owned\\u0007\\u009b2J\n");
    assertThat(err).hasToString("vela: a\\rb\\u202ec\n");
  }

  @Test
  void aCellOfATableStaysOnItsLine() {
    terminal.table(List.of(List.of("NAME", "STATE"), List.of("x\nfake  running", "asleep")));

    assertThat(out.toString().lines())
        .containsExactly("NAME              STATE", "x\\nfake  running  asleep");
  }

  @Test
  void whatIsNotAsciiIsShown() {
    terminal.out().println("Größe\t✓");

    assertThat(out).hasToString("Größe\t✓\n");
  }
}
