package io.vela.proxy;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.awaitility.Awaitility.await;

import io.vela.agent.CloneException;
import io.vela.agent.Endpoint;
import io.vela.agent.Role;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.postgres.InitDb;
import io.vela.agent.postgres.PostgresBinaries;
import io.vela.config.value.Secret;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;

/**
 * The Postgres on the class path, with the superuser and database {@code postgres}: on a Unix
 * socket, where it trusts whoever reaches it as the proxy's instances do, and on a loopback port,
 * where it asks for passwords.
 */
public final class RealPostgres implements AutoCloseable {
  private static final int MAJOR = 18;
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final Path directory;
  private final int port;
  private final Process postmaster;

  private RealPostgres(Path directory, int port, Process postmaster) {
    this.directory = directory;
    this.port = port;
    this.postmaster = postmaster;
  }

  /** Starts one of its own, the newest. */
  public static RealPostgres start() throws CloneException, IOException, InterruptedException {
    return start(MAJOR);
  }

  /** Starts one of its own: the system's of that major version, else the embedded one. */
  public static RealPostgres start(int major)
      throws CloneException, IOException, InterruptedException {
    var user = ServiceUser.resolve(System.err::println);
    // Unpacked once for all tests of whoever runs them.
    var unpacked =
        Path.of(
            System.getProperty("java.io.tmpdir"),
            "vela-test-postgres-" + System.getProperty("user.name"));
    var installation = new PostgresBinaries(List.of(), unpacked).installation(major);
    var directory = Files.createTempDirectory("vela-proxy");
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    user.ownOne(directory);
    var data = directory.resolve("data");
    InitDb.run(installation, user, data);
    var port = freePort();
    var argv =
        user.wrap(
            List.of(
                installation.program("postgres").toString(),
                "-D",
                data.toString(),
                "-p",
                Integer.toString(port),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "fsync=off",
                "-c",
                "wal_level=logical",
                "-c",
                "unix_socket_directories=" + directory));
    var postmaster = Command.of(argv).start(directory.resolve("log"));
    var postgres = new RealPostgres(directory, port, postmaster);
    await()
        .atMost(PATIENCE)
        .ignoreExceptionsInstanceOf(SQLException.class)
        .until(() -> postgres.query("select 1").equals("1"));
    return postgres;
  }

  private static int freePort() throws IOException {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  public Endpoint endpoint() {
    return new Endpoint.UnixSocket(socket().toString());
  }

  public Path socket() {
    return directory.resolve(".s.PGSQL." + port);
  }

  /** Where it asks for passwords. */
  public InetSocketAddress address() {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
  }

  /** Runs SQL as superuser past the proxy and returns the first column, a line for each row. */
  public String sql(String sql) {
    try {
      return query(sql);
    } catch (SQLException e) {
      throw new AssertionError(sql, e);
    }
  }

  private String query(String sql) throws SQLException {
    var properties = new Properties();
    properties.setProperty("user", "postgres");
    properties.setProperty("socketFactory", "org.newsclub.net.unix.AFUNIXSocketFactory$FactoryArg");
    properties.setProperty("socketFactoryArg", socket().toString());
    properties.setProperty("sslMode", "disable");
    var values = new ArrayList<String>();
    try (var session =
            DriverManager.getConnection("jdbc:postgresql://localhost/postgres", properties);
        var statement = session.createStatement()) {
      if (statement.execute(sql)) {
        try (var rows = statement.getResultSet()) {
          while (rows.next()) {
            values.add(String.valueOf(rows.getString(1)));
          }
        }
      }
    }
    return String.join("\n", values);
  }

  /** The role as {@code pg_authid} has it. */
  public Role role(String name) {
    var row = " from pg_authid where rolname = '" + name + "'";
    var password = sql("select coalesce(rolpassword, '')" + row);
    var until = sql("select coalesce(rolvaliduntil::timestamp::text, '')" + row);
    return new Role(
        name,
        password.isEmpty() ? Optional.empty() : Optional.of(new Secret(password)),
        sql("select rolcanlogin" + row).equals("t"),
        false,
        -1,
        until.isEmpty() ? Optional.empty() : Optional.of(Timestamp.valueOf(until).toInstant()));
  }

  /** Kills one of its processes. */
  public void kill(int processId) {
    signal("-KILL", List.of(Integer.toString(processId)));
  }

  /** Lets one of its processes do nothing. */
  public void pause(int processId) {
    signal("-STOP", List.of(Integer.toString(processId)));
  }

  /** Lets it go on. */
  public void unpause(int processId) {
    signal("-CONT", List.of(Integer.toString(processId)));
  }

  /** Kills every process of the instance at one blow, so that none can say goodbye. */
  public void kill() {
    var all = new ArrayList<String>();
    postmaster.descendants().forEach(process -> all.add(Long.toString(process.pid())));
    all.add(Long.toString(postmaster.pid()));
    // Stopped first: a postmaster that sees one die would let the others speak.
    signal("-STOP", all);
    signal("-KILL", all);
  }

  private static void signal(String signal, List<String> processes) {
    var argv = new ArrayList<>(List.of("kill", signal));
    argv.addAll(processes);
    run(Command.of(argv));
  }

  private static void run(Command command) {
    try {
      var result = command.run();
      if (!result.ok()) {
        throw new AssertionError(result.problem());
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    try {
      // Fast shutdown: SIGINT (Postgres documentation, section 18.5).
      if (postmaster.isAlive()) {
        signal("-INT", List.of(Long.toString(postmaster.pid())));
      }
      if (!postmaster.waitFor(20, SECONDS)) {
        kill();
      }
      run(Command.of("rm", "-rf", "--one-file-system", directory.toString()));
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
