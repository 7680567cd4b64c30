package io.vela.router.catalog;

import io.vela.agent.CloneException;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.postgres.DataDirectory;
import io.vela.agent.postgres.Installation;
import io.vela.agent.postgres.LocalCluster;
import io.vela.agent.postgres.PostgresBinaries;
import io.vela.agent.postgres.RunningProcesses;
import io.vertx.pgclient.PgConnectOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * The embedded Postgres for one test class, by its Unix socket, as {@code vela up} runs its
 * catalogue: nothing need be installed, and the tests may be root's or not.
 */
public final class CatalogServer {
  private static final int MAJOR = 18;
  private static final Duration TIMEOUT = Duration.ofSeconds(60);

  private final Path folder;
  private final ServiceUser user;
  private final Installation installation;
  private LocalCluster cluster;

  public CatalogServer() throws CloneException, IOException, InterruptedException {
    this.user = ServiceUser.resolve(_ -> {});
    var temporary = Path.of(System.getProperty("java.io.tmpdir"));
    // Unpacking takes seconds: once a host, each version in a folder of its own.
    var unpacked = Files.createDirectories(temporary.resolve("vela-test-postgres"));
    this.installation = new PostgresBinaries(List.of(), unpacked).installation(MAJOR);
    this.folder = Files.createTempDirectory(temporary, "vela-catalog");
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx--x--x"));
    if (!user.canReach(folder)) {
      throw new IOException("user " + user + " cannot reach " + folder + ": set java.io.tmpdir");
    }
    user.ownOne(Files.createDirectory(folder.resolve("cluster")));
    this.cluster = open();
  }

  private LocalCluster open() throws CloneException, InterruptedException {
    return LocalCluster.open(
        folder.resolve("cluster"), folder.resolve("run"), installation, user, TIMEOUT);
  }

  public void start() throws CloneException, InterruptedException {
    cluster = open();
  }

  public void stop() throws CloneException {
    cluster.stop(TIMEOUT);
  }

  /** Ends its postmaster at once, as a crash does. */
  public void kill() throws IOException {
    for (var process : serving()) {
      process.destroyForcibly();
      process.onExit().join();
    }
  }

  /** Lets none of its processes do anything: it is there, and does not answer. */
  public void freeze() throws IOException, InterruptedException {
    signal("STOP");
  }

  public void thaw() throws IOException, InterruptedException {
    signal("CONT");
  }

  private void signal(String name) throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of("kill", "-s", name));
    for (var process : serving()) {
      command.add(String.valueOf(process.pid()));
      process.descendants().map(child -> String.valueOf(child.pid())).forEach(command::add);
    }
    // One that has ended meanwhile makes the command fail, and is as good as stopped.
    new ProcessBuilder(command).start().waitFor();
  }

  /** The postmaster, and what it was started by. */
  private List<ProcessHandle> serving() throws IOException {
    var data = folder.resolve("cluster/data");
    return RunningProcesses.list().stream()
        .filter(process -> process.serves(data))
        .map(RunningProcesses.Running::handle)
        .toList();
  }

  Path socket() {
    return Path.of(cluster.endpoint().socket());
  }

  public PgConnectOptions options() {
    var port = String.valueOf(socket().getFileName()).replace(".s.PGSQL.", "");
    return new PgConnectOptions()
        .setHost(String.valueOf(socket().getParent()))
        .setPort(Integer.parseInt(port))
        .setUser(LocalCluster.SUPERUSER)
        .setDatabase(LocalCluster.SUPERUSER);
  }

  public PGSimpleDataSource dataSource() {
    var source = new PGSimpleDataSource();
    source.setServerNames(new String[] {"localhost"});
    source.setUser(LocalCluster.SUPERUSER);
    source.setDatabaseName(LocalCluster.SUPERUSER);
    source.setSocketFactory("org.newsclub.net.unix.AFUNIXSocketFactory$FactoryArg");
    source.setSocketFactoryArg(socket().toString());
    source.setSslMode("disable");
    return source;
  }

  public void close() throws CloneException, IOException {
    try {
      cluster.stop(TIMEOUT);
    } finally {
      DataDirectory.delete(folder);
    }
  }
}
