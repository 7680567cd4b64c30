package io.vela.it;

import static io.vela.it.AttackSuite.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.it.support.OrdinaryUser;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.net.URI;
import java.nio.file.Files;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The attacks where an ordinary user may make no namespaces, and Landlock alone holds. */
final class WallsOfLandlockTest {
  private static Scratch scratch;
  private static Vela vela;

  @BeforeAll
  static void start() throws Exception {
    scratch = new Scratch();
    vela = Vela.startAs(new OrdinaryUser(scratch.folder()).withoutNamespaces(), scratch.data());
    vela.connect("other").close();
  }

  @AfterAll
  static void stop() throws Exception {
    vela.close();
    scratch.close();
  }

  private static List<String> attack(String script) throws SQLException {
    try (var session = vela.connect("attacker")) {
      return run(session, script);
    }
  }

  @Test
  void theLevelReachedIsSaidEverywhere() throws Exception {
    assertThat(vela.said()).contains("isolation of branches: landlock", "because");
    assertThat(vela.cli("doctor").text()).contains("isolation", "landlock", "because");
    assertThat(vela.metric("vela_isolation.*level=\"landlock\"")).isEqualTo(1);
    assertThat(vela.metric("vela_isolation.*level=\"full\"")).isEqualTo(0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"client.json", "vela.log", "catalog/data/PG_VERSION"})
  void filesOfVelasAreRefused(String name) throws Exception {
    var file = scratch.data().resolve(name);
    assertThat(Files.exists(file)).isTrue();
    try (var session = vela.connect("attacker");
        var statement = session.createStatement()) {
      assertThatThrownBy(
              () -> statement.executeQuery("SELECT pg_read_binary_file('" + file + "', 0, 1)"))
          .isInstanceOf(SQLException.class)
          .extracting(e -> ((SQLException) e).getSQLState())
          .isEqualTo("42501");
    }
    assertThat(attack("cat " + file + " > /dev/null && echo read")).doesNotContain("read");
  }

  @Test
  void clonesOfOthersAreRefusedAndItsOwnIsNot() throws Exception {
    var clones = scratch.data().resolve("pool/clones");
    assertThat(attack("ls " + clones + " || echo refused")).contains("refused");
    int readable = 0;
    try (var all = Files.list(clones)) {
      for (var clone : all.toList()) {
        var said = attack("cat " + clone.resolve("data/PG_VERSION") + " || echo refused");
        readable += said.contains("refused") ? 0 : 1;
      }
    }
    assertThat(readable).isEqualTo(1);
  }

  @Test
  void nobodyElseIsReachedByAConnectionOrASignal() throws Exception {
    int http = URI.create(vela.httpUrl()).getPort();
    assertThat(attack("bash -c 'echo > /dev/tcp/127.0.0.1/" + http + "' && echo connected"))
        .doesNotContain("connected");
    assertThat(attack("kill -0 " + vela.pid() + " && echo reached")).doesNotContain("reached");
    try (var session = vela.connect("attacker");
        var statement = session.createStatement()) {
      statement.execute("CREATE EXTENSION IF NOT EXISTS dblink");
      var sockets = scratch.data().resolve("run/catalog");
      assertThatThrownBy(
              () ->
                  statement.execute(
                      "SELECT dblink_connect('host=" + sockets + " dbname=postgres')"))
          .isInstanceOf(SQLException.class)
          .hasMessageContaining("Operation not permitted");
    }
  }

  @Test
  void queriesInParallelStillWork() throws Exception {
    try (var session = vela.connect("attacker");
        var statement = session.createStatement()) {
      statement.execute("SET debug_parallel_query = on");
      try (var row = statement.executeQuery("SELECT sum(i) FROM generate_series(1, 1000) i")) {
        row.next();
        assertThat(row.getLong(1)).isEqualTo(500_500);
      }
    }
  }
}
