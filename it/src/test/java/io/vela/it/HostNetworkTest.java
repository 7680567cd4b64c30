package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.it.support.Machine;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whether a branch's processes are in the host's network is what its policy says. */
final class HostNetworkTest {
  private Scratch scratch;
  private Path config;

  @BeforeEach
  void scratch() {
    Assumptions.assumeTrue(Machine.isRoot(), "only root gives branches a network of their own");
    scratch = new Scratch();
    config = scratch.folder().resolve("vela.yaml");
  }

  @AfterEach
  void clean() throws Exception {
    if (scratch != null) {
      scratch.close();
    }
  }

  private void network(String which) throws IOException {
    Files.writeString(
        config,
        """
        listen: [{address: "127.0.0.1:0"}]
        baselines: {main: {branches: {network: %s}}}
        """
            .formatted(which));
  }

  /** Whether a program of the branch's superuser gets a connection to Vela's own port. */
  private static boolean reachesTheHost(Vela vela) throws SQLException {
    try (var session = vela.connect("one");
        var statement = session.createStatement()) {
      statement.execute("CREATE TEMPORARY TABLE said (line text)");
      statement.execute(
          "COPY said FROM PROGRAM 'bash -c \"echo > /dev/tcp/127.0.0.1/"
              + vela.port()
              + "\" 2> /dev/null && echo connected; true'");
      try (var row = statement.executeQuery("SELECT count(*) FROM said WHERE line = 'connected'")) {
        row.next();
        return row.getInt(1) == 1;
      }
    }
  }

  private static String shown(Vela vela, String... words) {
    return vela.cli(words).text();
  }

  @Test
  void aBranchReachesALoopbackPortOfTheHostOnlyWhereItsPolicySaysSo() throws Exception {
    network("host");
    try (var vela = Vela.startAsConfigured(scratch.data(), config)) {
      assertThat(reachesTheHost(vela)).isTrue();
      assertThat(shown(vela, "why", "one")).contains("network host: ").contains("(policy)");
      assertThat(shown(vela, "branch", "show", "one")).contains("network        host\n");

      network("none");
      vela.cli("reload").text();
      assertThat(reachesTheHost(vela)).isTrue();
      assertThat(shown(vela, "why", "one")).contains("network host; it was started with that");
      assertThat(shown(vela, "branch", "show", "one")).contains("network        host\n");
      vela.cli("branch", "restart", "one").text();

      assertThat(reachesTheHost(vela)).isFalse();
      assertThat(shown(vela, "why", "one")).contains("network none: ");
    }
  }

  @Test
  void oneThatIsTakenOverIsStillInItsNetwork() throws Exception {
    network("host");
    try (var vela = Vela.startAsConfigured(scratch.data(), config)) {
      assertThat(reachesTheHost(vela)).isTrue();
      vela.kill();
    }
    try (var vela = Vela.startAsConfigured(scratch.data(), config)) {
      assertThat(reachesTheHost(vela)).isTrue();
    }
  }
}
