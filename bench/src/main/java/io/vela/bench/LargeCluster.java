package io.vela.bench;

import io.vela.agent.exec.Command;
import io.vela.agent.exec.ServiceUser;
import io.vela.config.value.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** Stopped data directories, made to be imported. */
final class LargeCluster {
  /** What a row of the filler takes in its table, header and all: eight to a page of 8 kB. */
  private static final long ROW_BYTES = 1024;

  private LargeCluster() {}

  /** Makes a new cluster below {@code folder}, stopped; returns its data directory. */
  static Path empty(Path folder, Path bin, ServiceUser user)
      throws IOException, InterruptedException {
    var data = folder.resolve("data");
    run(user, bin.resolve("initdb").toString(), "-D", data.toString(), "-U", "postgres", "-N");
    return data;
  }

  /** Fills a new cluster below {@code folder} and stops it; returns its data directory. */
  static Path make(Path folder, Path bin, ServiceUser user, ByteSize size)
      throws IOException, InterruptedException {
    return filled(
        folder,
        bin,
        user,
        "CREATE TABLE filler (n bigint, t text)",
        "INSERT INTO filler SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, %d) n"
            .formatted(size.bytes() / ROW_BYTES));
  }

  /** The same with so many tables that have a row and a key. */
  static Path withTables(Path folder, Path bin, ServiceUser user, int tables)
      throws IOException, InterruptedException {
    return filled(
        folder,
        bin,
        user,
        "DO $$BEGIN FOR i IN 1..%d LOOP EXECUTE 'CREATE TABLE t' || i || ' AS SELECT 1 AS n'; END LOOP; END$$"
            .formatted(tables),
        "DO $$BEGIN FOR i IN 1..%d LOOP EXECUTE 'ALTER TABLE t' || i || ' ADD PRIMARY KEY (n)'; END LOOP; END$$"
            .formatted(tables));
  }

  private static Path filled(Path folder, Path bin, ServiceUser user, String... statements)
      throws IOException, InterruptedException {
    Files.createDirectories(folder);
    user.own(folder);
    var data = empty(folder, bin, user);
    var single =
        Command.of(
                user.wrap(
                    List.of(
                        bin.resolve("postgres").toString(),
                        "--single",
                        "-j",
                        "-D",
                        data.toString(),
                        "-c",
                        "fsync=off",
                        "-c",
                        "wal_level=minimal",
                        "-c",
                        "max_wal_senders=0",
                        "-c",
                        "max_locks_per_transaction=1000",
                        "postgres")))
            .within(Duration.ofMinutes(20))
            .reading(String.join(";\n\n", statements) + ";\n\n");
    var result = single.run();
    if (!result.ok() || result.detail().contains("ERROR")) {
      throw new IOException("filling failed: " + result.detail());
    }
    return data;
  }

  private static void run(ServiceUser user, String... words)
      throws IOException, InterruptedException {
    var result = Command.of(user.wrap(List.of(words))).within(Duration.ofMinutes(2)).run();
    if (!result.ok()) {
      throw new IOException(result.problem() + "\n" + result.detail());
    }
  }
}
