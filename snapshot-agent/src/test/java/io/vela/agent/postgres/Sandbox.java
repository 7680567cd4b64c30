package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.DebianPackages;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.isolation.Launcher;
import io.vela.agent.isolation.Launchers;
import io.vela.agent.isolation.RecordedInstance;
import io.vela.config.Durability;
import io.vela.config.value.ByteSize;
import io.vela.config.value.HostPort;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Assumptions;

/**
 * A folder that the service user can reach, and the servers started in it, all of which end with
 * it.
 */
public final class Sandbox {
  /** The old Postgres: the system's where it has that one, else the tests' own embedded one. */
  public static final int FIFTEEN = 15;

  /** The Postgres that Vela brings along. */
  public static final int EIGHTEEN = 18;

  public static final Duration TIMEOUT = Duration.ofSeconds(60);
  public static final ByteSize BUFFERS = ByteSize.parse("16MB");

  /** What is made once for all tests of a user on this host. */
  static final Path UNPACKED =
      Path.of(
          System.getProperty("java.io.tmpdir"),
          "vela-test-postgres-" + System.getProperty("user.name"));

  private final Path root;
  private final ServiceUser user;
  private final Launcher launcher;
  private final PostgresBinaries binaries;
  private int runs;

  public Sandbox() throws CloneException, IOException, InterruptedException {
    this(Files.createTempDirectory("vela"));
  }

  private Sandbox(Path root) throws CloneException, IOException, InterruptedException {
    this.user = ServiceUser.resolve(line -> {});
    this.launcher = Launchers.plain(user);
    this.root = root;
    Files.setPosixFilePermissions(root, PosixFilePermissions.fromString("rwxr-xr-x"));
    this.binaries = new PostgresBinaries(List.of(), UNPACKED);
    Files.createDirectories(UNPACKED);
    Files.setPosixFilePermissions(UNPACKED, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /** A sandbox in that folder, which must be on a path that the service user can reach. */
  public static Sandbox in(Path folder) throws CloneException, IOException, InterruptedException {
    return new Sandbox(folder);
  }

  public Path root() {
    return root;
  }

  public ServiceUser user() {
    return user;
  }

  /** A launcher that locks nothing in. */
  public Launcher launcher() {
    return launcher;
  }

  public PostgresBinaries binaries() {
    return binaries;
  }

  /** Those of a host without any Postgres in packages. */
  public PostgresBinaries binariesWithoutPackages() {
    return new PostgresBinaries(List.of(), root.resolve("no-packages"), UNPACKED);
  }

  /**
   * A client program for servers of {@link #FIFTEEN}, which no embedded Postgres has. It comes from
   * Debian's packages; without them and without root the test is not run, loudly.
   */
  public Path client(String program) throws CloneException, InterruptedException {
    try {
      return binaries.client(FIFTEEN, program);
    } catch (CloneException missing) {
      if (!ServiceUser.runningAsRoot()) {
        notRun(program + " is missing: install postgresql-client, or run as root on Debian");
      }
      new DebianPackages(System.err::println).ensure(program, "postgresql-client");
      return binaries.client(FIFTEEN, program);
    }
  }

  /** In CI that is a failure. */
  private static void notRun(String why) {
    if ("true".equals(System.getenv("CI"))) {
      throw new AssertionError("CI runs all tests: " + why);
    }
    System.err.println("NOT RUN: " + why);
    Assumptions.abort(why);
  }

  /** A folder of its own. */
  public Path folder(String name) throws IOException {
    var folder = Files.createDirectory(root.resolve(name));
    user.ownOne(folder);
    return folder;
  }

  /** A path for the private folder of an instance. */
  public Path run() {
    return root.resolve("run" + runs++);
  }

  /** Files of an instance on that data directory. */
  public InstanceFiles files(Path data) {
    return new InstanceFiles(data, run());
  }

  /** A new cluster; its data directory is {@code data} in the folder of that name. */
  public Path cluster(int major, String name, String... configuration)
      throws CloneException, IOException, InterruptedException {
    var data = folder(name).resolve("data");
    Command.of("cp", "-a", "--reflink=auto", template(major).toString(), data.toString()).run();
    Files.write(data.resolve("postgresql.conf"), List.of(configuration), StandardOpenOption.APPEND);
    return data;
  }

  /** A new cluster made once for all tests on this host: initdb takes longer than most tests. */
  private Path template(int major) throws CloneException, IOException, InterruptedException {
    var template = UNPACKED.resolve("cluster-" + major);
    if (!Files.isDirectory(template)) {
      var unfinished = UNPACKED.resolve("cluster-" + ProcessHandle.current().pid() + "-" + major);
      InitDb.run(binaries.installation(major), user, unfinished);
      try {
        Files.move(unfinished, template);
      } catch (FileAlreadyExistsException | DirectoryNotEmptyException e) {
        // Another build was faster.
        DataDirectory.delete(unfinished);
      }
    }
    return template;
  }

  /** Starts a server under the guard. */
  public PostgresInstance guarded(int major, Path data)
      throws CloneException, InterruptedException {
    return guarded(major, data, Preload.NONE);
  }

  /** Starts a server under the guard. */
  public PostgresInstance guarded(int major, Path data, Preload preload)
      throws CloneException, InterruptedException {
    var files = files(data);
    return start(major, files, Guard.settings(major, files, preload, BUFFERS, Durability.RELAXED));
  }

  /** Starts a server. */
  public PostgresInstance start(int major, InstanceFiles files, Map<String, String> settings)
      throws CloneException, InterruptedException {
    return PostgresInstance.start(binaries.installation(major), launcher, files, settings, TIMEOUT);
  }

  /** A server as production has it: on TCP, with passwords, without a guard. */
  public final class Production {
    private final InstanceFiles files;
    private final HostPort address;
    private final int major;
    private final PostgresInstance instance;

    private Production(int major, Path data, Map<String, String> settings)
        throws CloneException, IOException, InterruptedException {
      this.major = major;
      this.files = files(data);
      this.address = new HostPort("127.0.0.1", freePort());
      Files.write(
          data.resolve("pg_hba.conf"),
          List.of(
              "local all all trust",
              "host all all 127.0.0.1/32 scram-sha-256",
              "host replication all 127.0.0.1/32 scram-sha-256"));
      var all = new TreeMap<>(settings);
      all.put("listen_addresses", "127.0.0.1");
      all.put("port", String.valueOf(address.port()));
      all.put("unix_socket_directories", files.run().toString());
      this.instance = start(major, files, all);
      try (var session =
              DriverManager.getConnection(
                  "jdbc:postgresql://localhost/postgres",
                  socket(files.run().resolve(".s.PGSQL." + address.port())));
          var statement = session.createStatement()) {
        statement.execute("ALTER ROLE postgres PASSWORD 'secret'");
      } catch (SQLException e) {
        throw new IOException(e);
      }
    }

    public HostPort address() {
      return address;
    }

    public Path data() {
      return files.data();
    }

    public PostgresInstance instance() {
      return instance;
    }

    /** Runs statements in the database {@code postgres} and returns the first column. */
    public List<String> sql(String... statements) throws SQLException {
      var values = new ArrayList<String>();
      try (var session =
              DriverManager.getConnection(
                  "jdbc:postgresql://" + address + "/postgres", "postgres", "secret");
          var statement = session.createStatement()) {
        for (var sql : statements) {
          if (statement.execute(sql)) {
            try (var rows = statement.getResultSet()) {
              while (rows.next()) {
                values.add(String.valueOf(rows.getString(1)));
              }
            }
          }
        }
      }
      return values;
    }

    /** What it logs. */
    public Path log() {
      return files.logs().getFirst();
    }

    public int major() {
      return major;
    }

    public void stop() throws CloneException {
      instance.stop(TIMEOUT);
    }
  }

  /** Starts a server as production has it. */
  public Production production(int major, Path data, Map<String, String> settings)
      throws CloneException, IOException, InterruptedException {
    return new Production(major, data, settings);
  }

  /** The first column of a query on a guarded instance, as its superuser {@code postgres}. */
  public List<String> query(int major, PostgresInstance instance, String sql)
      throws CloneException {
    return new InstanceSql(instance.files().endpoint(), major, "postgres")
        .ask(
            List.of("postgres"),
            session -> {
              var values = new ArrayList<String>();
              try (var statement = session.createStatement();
                  var rows = statement.executeQuery(sql)) {
                while (rows.next()) {
                  values.add(String.valueOf(rows.getString(1)));
                }
              }
              return values;
            });
  }

  /** Connects as {@code postgres} over a socket. */
  public static Properties socket(Path socket) {
    var properties = new Properties();
    properties.setProperty("user", "postgres");
    properties.setProperty("socketFactory", "org.newsclub.net.unix.AFUNIXSocketFactory$FactoryArg");
    properties.setProperty("socketFactoryArg", socket.toString());
    properties.setProperty("sslMode", "disable");
    return properties;
  }

  private static int freePort() throws IOException {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  /** Ends by force what still runs, and removes all files. */
  public void close() throws IOException, InterruptedException {
    launcher.close();
    for (var folder : List.of(root, root.resolve("r"))) {
      if (Files.isDirectory(folder)) {
        for (var instance : RecordedInstance.in(folder)) {
          instance.root().destroyForcibly();
          Awaitility.await().atMost(TIMEOUT).until(() -> !instance.isRunning());
        }
      }
    }
    for (var process : RunningProcesses.list()) {
      if (process.worksIn(root)) {
        process.handle().destroyForcibly();
        process.handle().onExit().orTimeout(20, TimeUnit.SECONDS).join();
      }
    }
    Command.of("rm", "-rf", "--one-file-system", root.toString()).run();
  }
}
