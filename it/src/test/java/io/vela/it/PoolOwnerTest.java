package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.it.support.Run;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A pool has one owner, and what its catalogue does not know is never removed by Vela itself. */
final class PoolOwnerTest {
  private Scratch scratch;
  private Path config;

  @BeforeEach
  void aPoolOutsideOfTheDataDirectory() throws IOException {
    scratch = new Scratch();
    config =
        Files.writeString(
            scratch.folder().resolve("vela.yaml"),
            """
            listen: [{address: "127.0.0.1:0"}]
            pool: {path: %s}
            """
                .formatted(scratch.folder().resolve("pool")));
  }

  @AfterEach
  void clean() throws Exception {
    scratch.close();
  }

  private static void write(Vela vela, String branch, String value) throws SQLException {
    try (var connection = vela.connect(branch);
        var statement = connection.createStatement()) {
      statement.execute("CREATE TABLE kept AS SELECT '" + value + "'::text AS v");
    }
  }

  private static String read(Vela vela, String branch) throws SQLException {
    try (var connection = vela.connect(branch);
        var statement = connection.createStatement();
        var row = statement.executeQuery("SELECT v FROM kept")) {
      row.next();
      return row.getString(1);
    }
  }

  @Test
  void anotherVelaIsRefusedAndRemovesNothing() throws Exception {
    var other = Files.createDirectory(scratch.folder().resolve("other"));
    try (var owner = Vela.startAsConfigured(scratch.data(), config)) {
      write(owner, "one", "a");

      assertThatThrownBy(() -> Vela.startAsConfigured(other, config))
          .isInstanceOf(AssertionError.class)
          .hasMessageContaining("another Vela works on the pool")
          .hasMessageContaining("process " + owner.pid() + " ");

      assertThat(read(owner, "one")).isEqualTo("a");
    }
    assertThatThrownBy(() -> Vela.startAsConfigured(other, config))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("the catalogue is empty, but the pool holds 1 clones and 1 snapshots")
        .hasMessageContaining(scratch.data().toString());
    try (var owner = Vela.startAsConfigured(scratch.data(), config)) {
      assertThat(read(owner, "one")).isEqualTo("a");
      write(owner, "two", "of the baseline, which is there");
    }
  }

  @Test
  void anOlderCatalogueQuarantinesWhatItDoesNotKnowAndTheNewerOneFindsItAgain() throws Exception {
    var catalogue = scratch.data().resolve("catalog");
    var older = scratch.folder().resolve("older");
    var newer = scratch.folder().resolve("newer");
    try (var vela = Vela.startAsConfigured(scratch.data(), config)) {
      write(vela, "early", "a");
    }
    copy(catalogue, older);
    try (var vela = Vela.startAsConfigured(scratch.data(), config)) {
      write(vela, "late", "b");
    }
    copy(catalogue, newer);

    replace(catalogue, older);
    try (var vela = Vela.startAsConfigured(scratch.data(), config)) {
      assertThat(read(vela, "early")).isEqualTo("a");
      assertThat(vela.state("late")).isEqualTo("absent");
      assertThat(vela.pool()).containsPattern("\"kind\"\\s*:\\s*\"clone\"");
      assertThat(vela.cli("pool", "show").text()).contains("clone");
    }

    replace(catalogue, newer);
    try (var vela = Vela.startAsConfigured(scratch.data(), config)) {
      assertThat(read(vela, "early")).isEqualTo("a");
      assertThat(read(vela, "late")).isEqualTo("b");
      assertThat(vela.pool()).containsPattern("\"quarantined\"\\s*:\\s*\\[\\s*\\]");
    }

    replace(catalogue, older);
    try (var vela = Vela.startAsConfigured(scratch.data(), config)) {
      var id = vela.cli("pool", "show").text().lines().toList().getLast().split(" ", 2)[0];
      assertThat(vela.cli("pool", "purge", id).text()).contains(id);
      assertThat(vela.pool()).containsPattern("\"quarantined\"\\s*:\\s*\\[\\s*\\]");
      assertThat(scratch.folder().resolve("pool/clones").resolve(id)).doesNotExist();
      assertThat(read(vela, "early")).isEqualTo("a");
    }
  }

  private static void copy(Path from, Path to) {
    Run.program("cp", "-a", "-T", from.toString(), to.toString()).text();
  }

  private static void replace(Path catalogue, Path by) {
    Run.program("rm", "-r", catalogue.toString()).text();
    copy(by, catalogue);
  }
}
