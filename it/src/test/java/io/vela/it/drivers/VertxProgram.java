package io.vela.it.drivers;

import static io.vela.it.drivers.Checks.branch;
import static io.vela.it.drivers.Checks.contains;
import static io.vela.it.drivers.Checks.database;
import static io.vela.it.drivers.Checks.databaseOfBranch;
import static io.vela.it.drivers.Checks.failure;
import static io.vela.it.drivers.Checks.given;
import static io.vela.it.drivers.Checks.same;
import static io.vela.it.drivers.Checks.user;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.dns.AddressResolverOptions;
import io.vertx.core.net.ClientSSLOptions;
import io.vertx.core.net.PemTrustOptions;
import io.vertx.pgclient.PgConnectOptions;
import io.vertx.pgclient.PgConnection;
import io.vertx.pgclient.PgException;
import io.vertx.pgclient.PgNotification;
import io.vertx.pgclient.SslMode;
import io.vertx.sqlclient.Tuple;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** vertx-pg-client. */
final class VertxProgram {
  private final Vertx vertx;

  private VertxProgram(Vertx vertx) {
    this.vertx = vertx;
  }

  /** Runs the checks. */
  public static void main(String[] args) throws Exception {
    var hosts = "127.0.0.1 localhost elsewhere.test " + given("VELA_SERVER_NAME") + "\n";
    var names = new AddressResolverOptions().setHostsValue(Buffer.buffer(hosts));
    var vertx = Vertx.vertx(new VertxOptions().setAddressResolverOptions(names));
    try {
      new VertxProgram(vertx).checks().run();
    } finally {
      // Its threads are none that the process ends without.
      await(vertx.close());
    }
  }

  private Checks checks() {
    return new Checks()
        .add("database-name", () -> inBranch(options()))
        .add("option", () -> inBranch(withOptions("branch=" + branch())))
        .add("option-setting", this::optionSetting)
        .add(
            "server-name",
            () -> {
              var options = tls(SslMode.VERIFY_FULL, "VELA_CA").setDatabase(database());
              inBranch(options.setHost(given("VELA_SERVER_NAME")));
            })
        .add("token-user", () -> inBranch(token(options())))
        .add(
            "token-bearer",
            () -> {
              inBranch(
                  options().setDatabase(database() + "@" + Checks.bearer()).setPassword("none"));
              inBranch(withOptions("branch=" + Checks.bearer()).setPassword("none"));
            })
        .add("token-binding", () -> inBranch(token(tls(SslMode.REQUIRE, "VELA_CA"))))
        .add("no-branch", () -> refused("3D000", options().setDatabase(database())))
        .add("wrong-password", () -> refused("28P01", options().setPassword("wrong")))
        .add("scram-plus", () -> inBranch(tls(SslMode.REQUIRE, "VELA_CA")))
        .add("md5", this::md5)
        .add(
            "tls-disable",
            () -> {
              inBranch(options().setSslMode(SslMode.DISABLE));
              refused("28000", options().setPort(Checks.tlsPort()));
            })
        .add("tls-require", () -> inBranch(tls(SslMode.REQUIRE, "VELA_OTHER_CA")))
        .add("tls-verify-full", this::tlsVerifyFull)
        .add("prepared", this::prepared)
        .add("listen", () -> listen(false))
        .add("listen-process", () -> listen(true))
        .add("cancel", () -> cancel(options()))
        .add("cancel-tls", () -> cancel(tls(SslMode.REQUIRE, "VELA_CA")))
        .add("errors", this::errors);
  }

  private static PgConnectOptions options() {
    return new PgConnectOptions()
        .setHost("127.0.0.1")
        .setPort(Checks.port())
        .setUser(user())
        .setPassword(given("VELA_PASSWORD"))
        .setDatabase(databaseOfBranch())
        .setSslMode(SslMode.DISABLE);
  }

  private static PgConnectOptions withOptions(String value) {
    return options().setDatabase(database()).addProperty("options", value);
  }

  private static PgConnectOptions token(PgConnectOptions options) {
    return options
        .setDatabase(database())
        .setUser(Checks.tokenUser())
        .setPassword(Checks.tokenSecret());
  }

  private static PgConnectOptions tls(SslMode mode, String authority) {
    var ssl =
        new ClientSSLOptions()
            .setTrustOptions(new PemTrustOptions().addCertPath(given(authority)))
            .setTrustAll(mode == SslMode.REQUIRE)
            .setHostnameVerificationAlgorithm(mode == SslMode.VERIFY_FULL ? "HTTPS" : "");
    return options()
        .setHost("localhost")
        .setPort(Checks.tlsPort())
        .setSslMode(mode)
        .setSslOptions(ssl);
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.await(Checks.SECONDS, TimeUnit.SECONDS);
  }

  /** What is done with a connection. */
  private interface Use {
    void with(PgConnection connection) throws Exception;
  }

  private void connected(PgConnectOptions options, Use use) throws Exception {
    var connection = await(PgConnection.connect(vertx, options));
    try {
      use.with(connection);
    } finally {
      await(connection.close());
    }
  }

  private static Object value(PgConnection connection, String sql) throws Exception {
    return await(connection.query(sql).execute()).iterator().next().getValue(0);
  }

  private void inBranch(PgConnectOptions options) throws Exception {
    connected(
        options,
        connection -> {
          same(connection.isSSL(), options.getSslMode() != SslMode.DISABLE);
          same(value(connection, "SELECT name FROM marker"), branch());
          same(value(connection, "SELECT current_user::text"), user());
        });
  }

  private void refused(String sqlState, PgConnectOptions options) {
    var refusal = failure(() -> connected(options, _ -> {}));
    same(refusal instanceof PgException e ? e.getSqlState() : refusal, sqlState);
  }

  private void optionSetting() throws Exception {
    var setting = "-c vela.branch=" + branch();
    inBranch(withOptions(setting));
    connected(
        withOptions("-c work_mem=7MB " + setting),
        connection -> same(value(connection, "SHOW work_mem"), "7MB"));
  }

  private void md5() throws Exception {
    connected(
        options().setUser("old").setPassword("old"),
        connection -> same(value(connection, "SELECT current_user::text"), "old"));
  }

  private void tlsVerifyFull() throws Exception {
    inBranch(tls(SslMode.VERIFY_FULL, "VELA_CA"));
    var other = tls(SslMode.VERIFY_FULL, "VELA_OTHER_CA");
    contains(failure(() -> inBranch(other)), "SSL handshake failed");
    var elsewhere = tls(SslMode.VERIFY_FULL, "VELA_CA").setHost("elsewhere.test");
    contains(failure(() -> inBranch(elsewhere)), "SSL handshake failed");
  }

  private void prepared() throws Exception {
    connected(
        options().setCachePreparedStatements(true),
        connection -> {
          for (int number = 1; number <= 3; number++) {
            var query = connection.preparedQuery("SELECT $1::int + 40");
            same(
                await(query.execute(Tuple.of(number))).iterator().next().getInteger(0),
                number + 40);
          }
          var known = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%+ 40'";
          same(value(connection, known), 1L);
        });
  }

  private void listen(boolean process) throws Exception {
    connected(
        options(),
        connection ->
            connected(
                options(),
                other -> {
                  var heard = new CompletableFuture<PgNotification>();
                  connection.notificationHandler(heard::complete);
                  await(connection.query("LISTEN news").execute());
                  value(other, "SELECT pg_notify('news', 'hello')");
                  var notification = heard.get(Checks.SECONDS, TimeUnit.SECONDS);
                  same(notification.getChannel() + " " + notification.getPayload(), "news hello");
                  if (process) {
                    same(notification.getProcessId(), other.processId());
                  }
                }));
  }

  private void cancel(PgConnectOptions options) throws Exception {
    connected(
        options,
        connection ->
            connected(
                options(),
                other -> {
                  var sleeping = connection.query("SELECT pg_sleep(30)").execute();
                  Checks.untilAsleep(sql -> (Long) value(other, sql));
                  await(connection.cancelRequest());
                  same(sqlState(failure(() -> await(sleeping))), "57014");
                  same(value(connection, "SELECT 1"), 1);
                }));
  }

  private static String sqlState(Exception error) {
    return error instanceof PgException e ? e.getSqlState() : error.toString();
  }

  private void errors() throws Exception {
    connected(
        options(),
        connection -> {
          for (var expected :
              Map.of(
                      "INSERT INTO marker SELECT name FROM marker", "23505",
                      "SELECT * FROM no_such_table", "42P01",
                      "SELECT 'x'::int", "22P02")
                  .entrySet()) {
            var error = failure(() -> value(connection, expected.getKey()));
            same(sqlState(error), expected.getValue());
          }
          var query = connection.preparedQuery("INSERT INTO marker VALUES ($1)");
          var twice = failure(() -> await(query.execute(Tuple.of(branch()))));
          same(twice instanceof PgException e ? e.getConstraint() : twice, "marker_pkey");
          same(value(connection, "SELECT 1"), 1);
        });
  }
}
