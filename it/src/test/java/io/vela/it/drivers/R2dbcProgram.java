package io.vela.it.drivers;

import static io.vela.it.drivers.Checks.branch;
import static io.vela.it.drivers.Checks.contains;
import static io.vela.it.drivers.Checks.database;
import static io.vela.it.drivers.Checks.databaseOfBranch;
import static io.vela.it.drivers.Checks.failure;
import static io.vela.it.drivers.Checks.given;
import static io.vela.it.drivers.Checks.same;
import static io.vela.it.drivers.Checks.user;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.Unpooled;
import io.r2dbc.postgresql.PostgresqlConnectionConfiguration;
import io.r2dbc.postgresql.PostgresqlConnectionFactory;
import io.r2dbc.postgresql.api.PostgresqlConnection;
import io.r2dbc.postgresql.api.PostgresqlResult;
import io.r2dbc.postgresql.client.SSLMode;
import io.r2dbc.postgresql.client.SSLNegotiation;
import io.r2dbc.spi.R2dbcException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLParameters;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** r2dbc-postgresql. */
final class R2dbcProgram {
  private static final Duration LIMIT = Duration.ofSeconds(Checks.SECONDS);

  private R2dbcProgram() {}

  /** Runs the checks. */
  public static void main(String[] args) {
    new Checks()
        .add("database-name", () -> inBranch(settings()))
        .add("option", () -> inBranch(option("branch=" + branch())))
        .add("option-setting", R2dbcProgram::optionSetting)
        .add("server-name", R2dbcProgram::serverName)
        .add("token-user", () -> inBranch(token(settings())))
        .add(
            "token-bearer",
            () -> {
              inBranch(settings().database(database() + "@" + Checks.bearer()).password("none"));
              inBranch(option("branch=" + Checks.bearer()).password("none"));
            })
        .add("token-binding", () -> inBranch(token(tls(SSLMode.REQUIRE))))
        .add("no-branch", () -> refused("3D000", settings().database(database())))
        .add("wrong-password", () -> refused("28P01", settings().password("wrong")))
        .add("scram-plus", () -> inBranch(tls(SSLMode.REQUIRE)))
        .add(
            "md5",
            () ->
                connected(
                    settings().username("old").password("old"),
                    connection -> same(value(connection, "SELECT current_user::text"), "old")))
        .add(
            "tls-disable",
            () -> {
              inBranch(settings().sslMode(SSLMode.DISABLE));
              refused("28000", settings().port(Checks.tlsPort()));
            })
        .add("tls-require", () -> inBranch(tls(SSLMode.REQUIRE)))
        .add("tls-verify-full", R2dbcProgram::tlsVerifyFull)
        .add(
            "tls-direct",
            () -> inBranch(tls(SSLMode.REQUIRE).sslNegotiation(SSLNegotiation.DIRECT)))
        .add("prepared", R2dbcProgram::prepared)
        .add("copy-in", R2dbcProgram::copyIn)
        .add("listen", () -> listen(false))
        .add("listen-process", () -> listen(true))
        .add("cancel", () -> cancel(settings()))
        .add("cancel-tls", () -> cancel(tls(SSLMode.REQUIRE)))
        .add("errors", R2dbcProgram::errors)
        .run();
    // Reactor's threads are daemons.
  }

  private static PostgresqlConnectionConfiguration.Builder settings() {
    return PostgresqlConnectionConfiguration.builder()
        .host("127.0.0.1")
        .port(Checks.port())
        .username(user())
        .password(given("VELA_PASSWORD"))
        .database(databaseOfBranch())
        .connectTimeout(LIMIT)
        .sslMode(SSLMode.DISABLE);
  }

  private static PostgresqlConnectionConfiguration.Builder option(String value) {
    return settings().database(database()).options(Map.of("options", value));
  }

  private static PostgresqlConnectionConfiguration.Builder tls(SSLMode mode) {
    return settings()
        .port(Checks.tlsPort())
        .host("localhost")
        .sslRootCert(given("VELA_CA"))
        .sslMode(mode);
  }

  private static PostgresqlConnectionConfiguration.Builder token(
      PostgresqlConnectionConfiguration.Builder settings) {
    return settings
        .database(database())
        .username(Checks.tokenUser())
        .password(Checks.tokenSecret());
  }

  /** What is done with a connection. */
  private interface Use {
    void with(PostgresqlConnection connection) throws Exception;
  }

  private static void connected(PostgresqlConnectionConfiguration.Builder settings, Use use)
      throws Exception {
    var connection = await(new PostgresqlConnectionFactory(settings.build()).create());
    try {
      use.with(connection);
    } finally {
      connection.close().block(LIMIT);
    }
  }

  private static <T> T await(Mono<T> mono) {
    return Objects.requireNonNull(mono.block(LIMIT));
  }

  private static Object value(PostgresqlConnection connection, String sql) {
    return first(connection.createStatement(sql).execute());
  }

  private static Object first(Flux<PostgresqlResult> results) {
    return await(
        results
            .concatMap(result -> result.map((row, _) -> Objects.requireNonNull(row.get(0))))
            .next());
  }

  private static void inBranch(PostgresqlConnectionConfiguration.Builder settings)
      throws Exception {
    connected(
        settings,
        connection -> {
          same(value(connection, "SELECT name FROM marker"), branch());
          same(value(connection, "SELECT current_user::text"), user());
        });
  }

  private static String sqlState(Exception error) {
    return error instanceof R2dbcException e
        ? String.valueOf(e.getSqlState())
        : String.valueOf(error);
  }

  private static void refused(String sqlState, PostgresqlConnectionConfiguration.Builder settings) {
    same(sqlState(failure(() -> connected(settings, _ -> {}))), sqlState);
  }

  private static void optionSetting() throws Exception {
    // The driver's own form of it: each of the options is a startup parameter.
    connected(
        settings()
            .database(database())
            .options(Map.of("options", "-c vela.branch=" + branch(), "work_mem", "7MB")),
        connection -> {
          same(value(connection, "SHOW work_mem"), "7MB");
          same(value(connection, "SELECT name FROM marker"), branch());
        });
  }

  /** Says the name itself, since it finds hosts by DNS and the system's file only. */
  private static void serverName() throws Exception {
    inBranch(
        tls(SSLMode.VERIFY_CA)
            .database(database())
            .sslSni(false)
            .sslParameters(
                _ -> {
                  var parameters = new SSLParameters();
                  parameters.setServerNames(List.of(new SNIHostName(given("VELA_SERVER_NAME"))));
                  return parameters;
                }));
  }

  private static void tlsVerifyFull() throws Exception {
    inBranch(tls(SSLMode.VERIFY_FULL));
    var other = tls(SSLMode.VERIFY_FULL).sslRootCert(given("VELA_OTHER_CA"));
    contains(failure(() -> inBranch(other)), "unable to find valid certification path");
    var elsewhere = tls(SSLMode.VERIFY_FULL).sslHostnameVerifier((_, _) -> false);
    contains(failure(() -> inBranch(elsewhere)), "could not be verified");
  }

  private static void prepared() throws Exception {
    connected(
        settings(),
        connection -> {
          for (int number = 1; number <= 3; number++) {
            var statement = connection.createStatement("SELECT $1::int + 40").bind(0, number);
            same(first(statement.execute()), number + 40);
          }
          var known = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%+ 40'";
          same(value(connection, known), 1L);
        });
  }

  private static void copyIn() throws Exception {
    connected(
        settings(),
        connection -> {
          var rows = Mono.fromSupplier(() -> Unpooled.copiedBuffer(Checks.rows(), UTF_8));
          same(await(connection.copyIn("COPY filled FROM STDIN").from(rows).build()), 10_000L);
          same(value(connection, "SELECT max(id) FROM filled"), 9999);
        });
  }

  private static void listen(boolean process) throws Exception {
    connected(
        settings(),
        connection ->
            connected(
                settings(),
                other -> {
                  var heard = connection.getNotifications().next().toFuture();
                  connection.createStatement("LISTEN news").execute().blockLast(LIMIT);
                  var pid = value(other, "SELECT pg_backend_pid()");
                  other.createStatement("NOTIFY news, 'hello'").execute().blockLast(LIMIT);
                  var notification = heard.get(Checks.SECONDS, TimeUnit.SECONDS);
                  same(notification.getName() + " " + notification.getParameter(), "news hello");
                  if (process) {
                    same(notification.getProcessId(), pid);
                  }
                }));
  }

  private static void cancel(PostgresqlConnectionConfiguration.Builder settings) throws Exception {
    connected(
        settings,
        connection ->
            connected(
                settings(),
                other -> {
                  var failed =
                      CompletableFuture.supplyAsync(
                          () -> failure(() -> value(connection, "SELECT pg_sleep(30)::text")));
                  Checks.untilAsleep(sql -> (Long) value(other, sql));
                  connection.cancelRequest().block(LIMIT);
                  same(sqlState(failed.get(Checks.SECONDS, TimeUnit.SECONDS)), "57014");
                  same(value(connection, "SELECT 1"), 1);
                }));
  }

  private static void errors() throws Exception {
    connected(
        settings(),
        connection -> {
          for (var expected :
              Map.of(
                      "INSERT INTO marker SELECT name FROM marker RETURNING name", "23505",
                      "SELECT * FROM no_such_table", "42P01",
                      "SELECT 'x'::int", "22P02")
                  .entrySet()) {
            var error = failure(() -> value(connection, expected.getKey()));
            same(sqlState(error), expected.getValue());
          }
          same(value(connection, "SELECT 1"), 1);
        });
  }
}
