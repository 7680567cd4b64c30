package io.vela.proxy;

import static org.awaitility.Awaitility.await;

import io.vela.agent.Endpoint;
import io.vela.agent.Role;
import io.vela.config.value.Secret;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * The system's Postgres 15 on a Unix socket in a directory of its own, trusting whoever reaches it.
 */
public final class RealPostgres implements AutoCloseable {
  private static final String BIN = "/usr/lib/postgresql/15/bin/";
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final Path directory;
  private final Process postmaster;

  private RealPostgres(Path directory, Process postmaster) {
    this.directory = directory;
    this.postmaster = postmaster;
  }

  public static RealPostgres start() {
    try {
      var directory = Files.createTempDirectory(Path.of("/tmp"), "vela-proxy-test");
      if (isRoot()) {
        if (exitCode(List.of("id", "vela")) != 0) {
          run(List.of("useradd", "--system", "vela"));
        }
        run(List.of("chown", "vela:", directory.toString()));
      }
      var data = directory.resolve("data").toString();
      run(asUser(BIN + "initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "-N", "-D", data));
      var postmaster =
          new ProcessBuilder(
                  asUser(
                      BIN + "postgres",
                      "-D",
                      data,
                      "-c",
                      "listen_addresses=",
                      "-c",
                      "fsync=off",
                      "-c",
                      "unix_socket_directories=" + directory))
              .redirectErrorStream(true)
              .redirectOutput(directory.resolve("log").toFile())
              .start();
      var postgres = new RealPostgres(directory, postmaster);
      await()
          .atMost(PATIENCE)
          .until(() -> exitCode(List.of(BIN + "pg_isready", "-h", directory.toString())) == 0);
      return postgres;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean isRoot() {
    return System.getProperty("user.name").equals("root");
  }

  private static List<String> asUser(String... command) {
    var all = new ArrayList<String>();
    if (isRoot()) {
      all.addAll(List.of("setpriv", "--reuid=vela", "--regid=vela", "--init-groups", "--"));
    }
    all.addAll(List.of(command));
    return all;
  }

  private static int exitCode(List<String> command) {
    try {
      var process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new AssertionError(command + " takes too long");
      }
      return process.exitValue();
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static void run(List<String> command) {
    if (exitCode(command) != 0) {
      throw new AssertionError(command + " failed");
    }
  }

  public Endpoint endpoint() {
    return new Endpoint.UnixSocket(directory.resolve(".s.PGSQL.5432").toString());
  }

  /** Runs SQL as superuser past the proxy and returns what psql prints. */
  public String sql(String sql) {
    try {
      var psql =
          new ProcessBuilder(
                  "psql", "-X", "-At", "-h", directory.toString(), "-U", "postgres", "-c", sql)
              .redirectErrorStream(true)
              .start();
      var output =
          new String(psql.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
      if (psql.waitFor() != 0) {
        throw new AssertionError(output);
      }
      return output.strip();
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** The role as {@code pg_authid} has it. */
  public Role role(String name) {
    var password = sql("select rolpassword from pg_authid where rolname = '" + name + "'");
    var canLogin = sql("select rolcanlogin from pg_authid where rolname = '" + name + "'");
    return new Role(
        name,
        password.isEmpty() ? Optional.empty() : Optional.of(new Secret(password)),
        canLogin.equals("t"),
        false,
        -1,
        Optional.empty());
  }

  /** Kills every process of the instance at one blow, so that none can say goodbye. */
  public void kill() {
    var all = new ArrayList<String>(List.of("kill", "-9"));
    postmaster.descendants().forEach(process -> all.add(Long.toString(process.pid())));
    all.add(Long.toString(postmaster.pid()));
    // Stopped first: a postmaster that sees one die would let the others speak.
    var stop = new ArrayList<>(all);
    stop.set(1, "-STOP");
    run(stop);
    run(all);
  }

  @Override
  public void close() {
    try {
      postmaster.destroy();
      if (!postmaster.waitFor(20, TimeUnit.SECONDS)) {
        kill();
      }
      run(List.of("rm", "-rf", directory.toString()));
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
