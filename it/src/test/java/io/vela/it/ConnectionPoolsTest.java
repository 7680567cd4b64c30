package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.vela.it.support.Conversation;
import io.vela.it.support.Machine;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Branches sleep under the connection pools of applications, which do not notice. */
final class ConnectionPoolsTest {
  private static final int SIZE = 8;
  private static final int ROUNDS = 3;

  private static Scratch scratch;
  private static Vela vela;

  @BeforeAll
  static void start() throws Exception {
    scratch = new Scratch();
    var config = scratch.folder().resolve("vela.yaml");
    Files.writeString(config, "baselines: {main: {branches: {suspend-after: 1s}}}\n");
    vela = Vela.start(scratch.data(), "--config", config.toString());
  }

  @AfterAll
  static void stop() throws Exception {
    vela.close();
    scratch.close();
  }

  /** An application's pool of {@link #SIZE} connections that stay open. */
  interface Pool extends AutoCloseable {
    /** Inserts a row on each of its connections at the same time. */
    void use() throws Exception;

    /** Validates each of its connections in its own way. */
    void ping() throws Exception;

    @Override
    void close();
  }

  /** Pools that applications use. */
  enum Kind {
    HIKARICP,
    NODE_POSTGRES,
    PSYCOPG_POOL;

    String branch() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    Pool open() {
      return switch (this) {
        case HIKARICP -> new HikariPool(branch());
        case NODE_POSTGRES -> {
          var node = Machine.nodeWithPackages();
          yield new ProgramPool(
              branch(),
              Map.of("NODE_PATH", node.modules().toString()),
              List.of(node.program(), script("node-postgres-pool.cjs")));
        }
        case PSYCOPG_POOL ->
            new ProgramPool(
                branch(),
                Map.of(),
                List.of(Machine.pythonWithPsycopgPool(), script("psycopg-pool.py")));
      };
    }

    private static String script(String name) {
      return Path.of("src", "test", "resources", "drivers", name).toAbsolutePath().toString();
    }
  }

  /** With pgjdbc; validates with {@link Connection#isValid}. */
  private static final class HikariPool implements Pool {
    private final HikariDataSource source;

    HikariPool(String branch) {
      var config = new HikariConfig();
      config.setJdbcUrl("jdbc:postgresql://127.0.0.1:" + vela.port() + "/app@" + branch);
      config.addDataSourceProperty("sslmode", "disable");
      config.setUsername("app");
      config.setPassword("app");
      config.setMaximumPoolSize(SIZE);
      source = new HikariDataSource(config);
    }

    @Override
    public void use() throws SQLException {
      onEach(connection -> execute(connection, "INSERT INTO used VALUES ('hikaricp')"));
    }

    @Override
    public void ping() throws SQLException {
      onEach(connection -> assertThat(connection.isValid(20)).isTrue());
    }

    /** What is done with one of its connections. */
    private interface Act {
      void on(Connection connection) throws SQLException;
    }

    private void onEach(Act act) throws SQLException {
      var all = new ArrayList<Connection>();
      try {
        for (int i = 0; i < SIZE; i++) {
          all.add(source.getConnection());
        }
        for (var connection : all) {
          act.on(connection);
        }
      } finally {
        for (var connection : all) {
          connection.close();
        }
      }
    }

    @Override
    public void close() {
      source.close();
    }
  }

  /** A program of {@code src/test/resources/drivers}. */
  private static final class ProgramPool implements Pool {
    private final Conversation program;

    ProgramPool(String branch, Map<String, String> more, List<String> command) {
      var environment = new HashMap<>(more);
      environment.put("VELA_PORT", Integer.toString(vela.port()));
      environment.put("VELA_USER", "app");
      environment.put("VELA_PASSWORD", "app");
      environment.put("VELA_DATABASE", "app");
      environment.put("VELA_BRANCH", branch);
      environment.put("VELA_POOL", Integer.toString(SIZE));
      program = Conversation.start(environment, command);
    }

    @Override
    public void use() {
      assertThat(program.ask("use")).isEqualTo("ok");
    }

    @Override
    public void ping() {
      assertThat(program.ask("ping")).isEqualTo("ok");
    }

    @Override
    public void close() {
      program.close();
    }
  }

  private static void execute(Connection connection, String... statements) throws SQLException {
    try (var statement = connection.createStatement()) {
      for (var sql : statements) {
        statement.execute(sql);
      }
    }
  }

  private static void prepare(String branch) throws SQLException {
    try (var connection = vela.connect(branch)) {
      execute(connection, "CREATE ROLE app LOGIN PASSWORD 'app'", "CREATE DATABASE app OWNER app");
    }
    try (var connection = vela.connect("app", "app", "app@" + branch)) {
      execute(connection, "CREATE TABLE used (by_whom text)");
    }
  }

  private static double wakes() {
    return vela.metric("^vela_branch_wake_seconds_count\\{.*kind=\"wake\"");
  }

  private static List<Long> sessions(String branch) {
    return vela.sessions(branch).stream().map(Vela.ClientSession::id).sorted().toList();
  }

  private static void awaitSleep(String branch) {
    await()
        .atMost(Duration.ofSeconds(60))
        .pollInterval(Duration.ofMillis(100))
        .until(() -> vela.state(branch).equals("suspended"));
  }

  @ParameterizedTest
  @EnumSource
  void aPoolStaysConnectedWhileItsBranchSleepsAndWakesAndSleeps(Kind kind) throws Exception {
    var branch = kind.branch();
    prepare(branch);
    try (var pool = kind.open()) {
      pool.use();
      await().untilAsserted(() -> assertThat(vela.sessions(branch)).hasSize(SIZE));
      var connected = sessions(branch);
      for (int round = 0; round < ROUNDS; round++) {
        awaitSleep(branch);
        assertThat(vela.sessions(branch))
            .hasSize(SIZE)
            .allMatch(one -> one.state().equals("parked"));
        double wakes = wakes();

        pool.ping();

        assertThat(vela.state(branch)).isEqualTo("suspended");
        assertThat(wakes()).isEqualTo(wakes);

        pool.use();

        assertThat(wakes()).isEqualTo(wakes + 1);
        assertThat(sessions(branch)).isEqualTo(connected);
      }
    }
    try (var connection = vela.connect("app", "app", "app@" + branch);
        var statement = connection.createStatement();
        var rows = statement.executeQuery("SELECT count(*) FROM used")) {
      rows.next();
      assertThat(rows.getInt(1)).isEqualTo(SIZE * (ROUNDS + 1));
    }
  }
}
