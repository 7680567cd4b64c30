package io.vela.agent;

import io.vela.agent.postgres.PostgresBinaries;
import io.vela.agent.postgres.Sandbox;
import io.vela.agent.storage.Pool;
import io.vela.agent.storage.PoolOpener;
import io.vela.agent.storage.StorageDrivers;
import io.vela.config.Durability;
import io.vela.config.PoolConfig;
import io.vela.config.PostgresConfig;
import io.vela.config.value.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The service over a pool in a sandbox, which copies unless told otherwise. */
final class ServiceFixture {
  static final InstanceSettings SETTINGS =
      new InstanceSettings(Durability.RELAXED, Sandbox.TIMEOUT, false);

  final Sandbox sandbox;
  final Pool pool;
  final Path run;
  LocalCloneService service;

  ServiceFixture() throws Exception {
    this("copy", new Sandbox(), "1MB");
  }

  /** The service over a pool of that driver in that sandbox. */
  ServiceFixture(String driver, Sandbox sandbox, String reserve) throws Exception {
    this.sandbox = sandbox;
    run = sandbox.root().resolve("r");
    var config =
        new PoolConfig(
            driver,
            Optional.of(sandbox.root().resolve("pool")),
            ByteSize.parse("1GB"),
            ByteSize.parse(reserve));
    pool =
        new PoolOpener(StorageDrivers.all(), sandbox.user(), line -> {})
            .open(config, sandbox.root());
    service = open();
  }

  /** Another service on the same pool, as after a crash. */
  LocalCloneService open() throws CloneException, InterruptedException {
    return open(sandbox.binaries());
  }

  /** Another service on the same pool with other binaries. */
  LocalCloneService open(PostgresBinaries binaries) throws CloneException, InterruptedException {
    return LocalCloneService.open(
        pool, binaries, sandbox.user(), run, new PostgresConfig(List.of(), 18, Sandbox.BUFFERS));
  }

  void close() throws Exception {
    service.close();
    sandbox.close();
  }

  SnapshotInfo snapshot(Source source) throws CloneException, InterruptedException {
    return service.createSnapshot(SnapshotId.random(), source, progress -> {});
  }

  /** A started clone. */
  CloneId started(SnapshotInfo snapshot) throws CloneException {
    var id = CloneId.random();
    service.createClone(id, snapshot.id());
    service.start(id, SETTINGS);
    return id;
  }

  Path socket(CloneId id) throws CloneException {
    return switch (service.start(id, SETTINGS)) {
      case Endpoint.UnixSocket(var socket) -> Path.of(socket);
    };
  }

  Path data(CloneId id) {
    return pool.clone(id).resolve("data");
  }

  /** Runs statements in a clone as {@code postgres} and returns the first column. */
  List<String> sql(CloneId id, String... statements) throws CloneException, SQLException {
    var values = new ArrayList<String>();
    try (var session =
            DriverManager.getConnection(
                "jdbc:postgresql://localhost/postgres", Sandbox.socket(socket(id)));
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

  /** What the pool and the run folder hold besides complete volumes. */
  List<Path> leftovers() throws IOException {
    var left = new ArrayList<Path>();
    try (var files = Files.list(pool.root().resolve("staging"))) {
      left.addAll(files.toList());
    }
    try (var files = Files.newDirectoryStream(run, "s-*")) {
      files.forEach(left::add);
    }
    try (var files = Files.list(pool.root().resolve("snapshots"))) {
      left.addAll(files.toList());
    }
    return left;
  }
}
