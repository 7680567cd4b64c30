package io.vela.proxy;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vela.agent.Role;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.DebianPackages;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.NetworkConfig;
import io.vela.config.value.BranchName;
import io.vela.config.value.HostPort;
import io.vela.router.BranchSession;
import java.net.InetSocketAddress;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.util.PSQLException;

/** Who may log in, and with what, is the same through Vela as with Postgres itself. */
class LoginAsPostgresTest {
  private static final String LONG_NAME = "n".repeat(63);
  private static final String LONG_PASSWORD = "0123456789".repeat(100);

  private static RealPostgres postgres;
  private static ScriptedRouter router;
  private static ProxyServer server;
  private static String psql;

  @BeforeAll
  static void start() throws Exception {
    psql = new DebianPackages(System.err::println).ensure("psql", "postgresql-client").toString();
    postgres = RealPostgres.start();
    postgres.sql("create role app login password 'right'");
    postgres.sql("create role single login password 'right' connection limit 1");
    postgres.sql("create role nobody_more login password 'right' connection limit 0");
    postgres.sql("create role " + LONG_NAME + " login password 'right'");
    postgres.sql("create role long_scram login password '" + LONG_PASSWORD + "'");
    postgres.sql(
        "set password_encryption = 'md5';"
            + " create role long_md5 login password '"
            + LONG_PASSWORD
            + "'");
    postgres.sql("create role nine login password 'Ⅸ'");
    postgres.sql("create role soft login password 'I\u00ADX'");
    postgres.sql("create role accents login password 'pässwörd'");
    postgres.sql("create database closed");
    postgres.sql("revoke connect on database closed from public");
    postgres.sql("create database unreachable allow_connections false");
    postgres.sql("create database narrow connection limit 0");
    router = new ScriptedRouter(postgres.endpoint());
    for (var role :
        postgres.sql("select rolname from pg_roles where rolcanlogin").lines().toList()) {
      router.roles.put(role, postgres.role(role));
    }
    server =
        ProxyServer.start(
            List.of(
                new ListenerConfig(
                    new HostPort("127.0.0.1", 0), Optional.of(new BranchName("pr-1")))),
            LimitsConfig.DEFAULT,
            NetworkConfig.DEFAULT,
            router,
            new SimpleMeterRegistry());
  }

  @AfterAll
  static void stop() {
    server.close(Duration.ofSeconds(5));
    postgres.close();
  }

  private static InetSocketAddress vela() {
    return server.addresses().getFirst();
  }

  private static Connection connect(InetSocketAddress address, String user, String database)
      throws SQLException {
    var properties = new Properties();
    properties.setProperty("user", user);
    properties.setProperty("password", "right");
    properties.setProperty("sslMode", "disable");
    properties.setProperty("loginTimeout", "30");
    return DriverManager.getConnection(
        "jdbc:postgresql://127.0.0.1:" + address.getPort() + "/" + database, properties);
  }

  /** What a login comes to: the user that it is, or severity, SQLSTATE, message and detail. */
  private static String login(InetSocketAddress address, String user, String database) {
    try (var connection = connect(address, user, database);
        var rows = connection.createStatement().executeQuery("select current_user")) {
      rows.next();
      return "let in as " + rows.getString(1);
    } catch (PSQLException e) {
      var error = e.getServerErrorMessage();
      if (error == null) {
        throw new AssertionError(e);
      }
      return String.join(
          " ",
          error.getSeverity(),
          error.getSQLState(),
          error.getMessage(),
          String.valueOf(error.getDetail()),
          String.valueOf(error.getHint()));
    } catch (SQLException e) {
      throw new AssertionError(e);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "app, postgres, let in as app",
    "app, closed, FATAL 42501",
    "app, unreachable, FATAL 55000",
    "app, narrow, FATAL 53300",
    "app, missing, FATAL 3D000",
    "nobody_more, postgres, FATAL 53300",
  })
  void aDatabase(String user, String database, String beginning) {
    var theirs = login(postgres.address(), user, database);
    assertThat(theirs).startsWith(beginning);
    assertThat(login(vela(), user, database)).isEqualTo(theirs);
  }

  @Test
  void aRolesConnectionLimitCountsConnectionsOfBothKinds() throws Exception {
    try (var _ = connect(postgres.address(), "single", "postgres")) {
      var theirs = login(postgres.address(), "single", "postgres");
      assertThat(theirs).startsWith("FATAL 53300");
      assertThat(login(vela(), "single", "postgres")).isEqualTo(theirs);
    }
    try (var _ = connect(vela(), "single", "postgres")) {
      assertThat(login(postgres.address(), "single", "postgres")).startsWith("FATAL 53300");
      // The other is idle, and gives up its place.
      assertThat(login(vela(), "single", "postgres")).isEqualTo("let in as single");
    }
  }

  @Test
  void aPasswordThatHasRunOutGetsAParkedSessionNoBackend() throws Exception {
    var role = postgres.role("app");
    try (var connection = connect(vela(), "app", "postgres")) {
      assertThat(router.sessions).hasSize(1);
      var session = router.sessions.getFirst();
      await().until(() -> session.activity().state() == BranchSession.State.IDLE);
      assertThat(session.prepareToPark().toCompletableFuture().get(20, SECONDS)).isEmpty();
      session.park();
      router.roles.put(
          "app",
          new Role(
              role.name(),
              role.password(),
              role.canLogin(),
              role.superuser(),
              role.connectionLimit(),
              Optional.of(Instant.EPOCH)));
      assertThatThrownBy(() -> connection.createStatement().execute("select 2"))
          .isInstanceOfSatisfying(
              SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("28P01"));
    } finally {
      router.roles.put("app", role);
    }
  }

  @Test
  void theLastPlacesAreTheSuperusers() throws Exception {
    var open = new ArrayList<Connection>();
    try {
      var refusal = "";
      // The places that others use come back a moment after they have closed: no fixed count.
      while (!refusal.startsWith("FATAL")) {
        assertThat(open).hasSizeLessThan(200);
        try {
          open.add(connect(postgres.address(), "app", "postgres"));
        } catch (SQLException e) {
          refusal = login(postgres.address(), "app", "postgres");
        }
      }
      assertThat(refusal).startsWith("FATAL 53300").contains("SUPERUSER");
      assertThat(login(vela(), "app", "postgres")).isEqualTo(refusal);
    } finally {
      for (var connection : open) {
        connection.close();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "x", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"})
  void ofALongNameTheFirst63BytesCount(String more) {
    var theirs = login(postgres.address(), LONG_NAME + more, "postgres");
    assertThat(theirs).isEqualTo("let in as " + LONG_NAME);
    assertThat(login(vela(), LONG_NAME + more, "postgres")).isEqualTo(theirs);
  }

  @Test
  void aRefusalQuotesWhatCounts() {
    for (var name : List.of("m".repeat(70), "é".repeat(40))) {
      var theirs = login(postgres.address(), name, "postgres");
      assertThat(theirs).startsWith("FATAL 28P01");
      if (name.startsWith("m")) {
        assertThat(login(vela(), name, "postgres")).isEqualTo(theirs);
      } else {
        // Half a character: each says it in its own way.
        assertThat(login(vela(), name, "postgres")).startsWith("FATAL 28P01");
      }
    }
  }

  private static String psql(InetSocketAddress address, String user, String password)
      throws InterruptedException {
    var result =
        Command.of(
                psql,
                "-XAtq",
                "-h",
                "127.0.0.1",
                "-p",
                Integer.toString(address.getPort()),
                "-U",
                user,
                "-d",
                "postgres",
                "-c",
                "select current_user")
            .env("PGPASSWORD", password)
            .env("LC_ALL", "C.UTF-8")
            .run();
    return result.ok() ? "let in" : "refused";
  }

  @ParameterizedTest
  @CsvSource({
    "nine, Ⅸ, let in",
    "nine, IX, let in",
    "nine, IV, refused",
    "soft, IX, let in",
    "accents, pässwörd, let in",
    "accents, password, refused",
  })
  void aPasswordIsPreparedAsSaslWants(String user, String password, String result)
      throws Exception {
    assertThat(psql(postgres.address(), user, password)).isEqualTo(result);
    assertThat(psql(vela(), user, password)).isEqualTo(result);
  }

  @ParameterizedTest
  @ValueSource(strings = {"long_scram", "long_md5"})
  void aPasswordMayHaveAThousandBytes(String user) throws Exception {
    // Its own rules let nobody in with md5.
    var addresses = user.equals("long_md5") ? List.of(vela()) : List.of(postgres.address(), vela());
    for (var address : addresses) {
      assertThat(psql(address, user, LONG_PASSWORD)).isEqualTo("let in");
      assertThat(psql(address, user, LONG_PASSWORD.substring(1))).isEqualTo("refused");
    }
  }
}
