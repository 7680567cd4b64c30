package io.vela.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vela.config.value.UntrustedText;
import io.vertx.core.json.JsonObject;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a command sees of the world around it.
 *
 * @param out for results
 * @param err for everything else
 * @param environment the environment's variables
 * @param home the user's home
 */
public record Terminal(
    PrintWriter out, PrintWriter err, Map<String, String> environment, Path home) {
  /** Whatever is written, the terminal is only told what to show. */
  public Terminal {
    out = new PrintWriter(new PlainWriter(out), true);
    err = new PrintWriter(new PlainWriter(err), true);
  }

  /** The process's own. */
  public static Terminal ofProcess() {
    return new Terminal(
        new PrintWriter(System.out, true, UTF_8),
        new PrintWriter(System.err, true, UTF_8),
        System.getenv(),
        Path.of(System.getProperty("user.home")));
  }

  /** A variable that is set and not empty. */
  public Optional<String> variable(String name) {
    return Optional.ofNullable(environment.get(name)).filter(value -> !value.isEmpty());
  }

  /** Prints JSON for programs. */
  public void json(JsonObject json) {
    out.println(json.encodePrettily());
  }

  /**
   * Prints a table for people.
   *
   * @param rows the first is the heading; all of one length; a cell stays on its line
   */
  public void table(List<List<String>> rows) {
    print(rows.stream().map(Terminal::cells).toList());
  }

  private static List<String> cells(List<String> row) {
    return row.stream().map(cell -> new UntrustedText(cell).line()).toList();
  }

  private void print(List<List<String>> rows) {
    var widths = new ArrayList<Integer>();
    for (int column = 0; column < rows.getFirst().size(); column++) {
      int at = column;
      widths.add(rows.stream().mapToInt(row -> row.get(at).length()).max().orElse(0));
    }
    for (var row : rows) {
      var line = new StringBuilder();
      for (int column = 0; column < row.size(); column++) {
        var cell = row.get(column);
        line.append(cell).append(" ".repeat(widths.get(column) - cell.length() + 2));
      }
      out.println(line.toString().stripTrailing());
    }
  }
}
