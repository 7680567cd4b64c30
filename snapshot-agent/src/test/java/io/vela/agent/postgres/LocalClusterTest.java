package io.vela.agent.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.agent.exec.Command;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LocalClusterTest {
  private final Sandbox sandbox;

  LocalClusterTest() throws Exception {
    sandbox = new Sandbox();
  }

  @AfterEach
  void close() throws Exception {
    sandbox.close();
  }

  @Test
  void itIsMadeOnceAndKeepsItsDataAcrossAStop() throws Exception {
    var folder = sandbox.folder("catalog");
    var first = open(folder);
    try (var session = connect(first);
        var statement = session.createStatement()) {
      statement.execute("CREATE TABLE branches AS SELECT 7 AS i");
    }
    first.stop(Sandbox.TIMEOUT);

    var second = open(folder);

    assertThat(second.adopted()).isFalse();
    try (var session = connect(second);
        var statement = session.createStatement();
        var rows = statement.executeQuery("SELECT i, current_setting('fsync') FROM branches")) {
      assertThat(rows.next()).isTrue();
      assertThat(rows.getInt(1)).isEqualTo(7);
      assertThat(rows.getString(2)).isEqualTo("on");
    }
  }

  @Test
  void itIsAdoptedWhenItOutlivedItsVela() throws Exception {
    var folder = sandbox.folder("catalog");
    open(folder);

    var again = open(folder);

    assertThat(again.adopted()).isTrue();
    again.stop(Sandbox.TIMEOUT);
    assertThat(new DataDirectory(folder.resolve("data")).isShutDown()).isTrue();
  }

  @Test
  void aHalfMadeOneIsMadeAnew() throws Exception {
    var folder = sandbox.folder("catalog");
    Files.createDirectories(folder.resolve("data.new/base"));

    assertThat(open(folder).adopted()).isFalse();
    assertThat(folder.resolve("data.new")).doesNotExist();
  }

  @Test
  void notificationsArrive() throws Exception {
    var cluster = open(sandbox.folder("catalog"));
    var socket = Path.of(cluster.endpoint().socket());
    try (var notifying = connect(cluster);
        var notify = notifying.createStatement()) {
      var psql =
          Command.of(
                  sandbox.client("psql").toString(),
                  "--host=" + socket.getParent(),
                  "--username=postgres",
                  "--no-psqlrc",
                  "--command=LISTEN vela",
                  "--command=NOTIFY vela, 'changed'",
                  "postgres")
              .run();

      assertThat(psql.stdout()).contains("notification \"vela\" with payload \"changed\"");
      notify.execute("NOTIFY vela, 'again'");
    }
  }

  private LocalCluster open(Path folder) throws Exception {
    return LocalCluster.open(
        folder,
        sandbox.root().resolve("run"),
        sandbox.binaries().installation(Sandbox.EIGHTEEN),
        sandbox.user(),
        Sandbox.TIMEOUT);
  }

  private static Connection connect(LocalCluster cluster) throws Exception {
    return DriverManager.getConnection(
        "jdbc:postgresql://localhost/postgres",
        Sandbox.socket(Path.of(cluster.endpoint().socket())));
  }
}
