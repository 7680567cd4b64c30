package io.vela.bench;

import io.vela.agent.exec.Command;
import io.vela.agent.exec.ServiceUser;
import io.vela.config.value.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** A stopped data directory of about a given size, made to be imported. */
final class LargeCluster {
  /** What a row of the filler takes in its table, header and all: eight to a page of 8 kB. */
  private static final long ROW_BYTES = 1024;

  private LargeCluster() {}

  /** Fills a new cluster below {@code folder} and stops it; returns its data directory. */
  static Path make(Path folder, Path bin, ServiceUser user, ByteSize size)
      throws IOException, InterruptedException {
    Files.createDirectories(folder);
    user.own(folder);
    var data = folder.resolve("data");
    run(user, bin.resolve("initdb").toString(), "-D", data.toString(), "-U", "postgres", "-N");
    var fill =
        """
        CREATE TABLE filler (n bigint, t text);
        INSERT INTO filler SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, %d) n;
        """
            .formatted(size.bytes() / ROW_BYTES)
            .replace('\n', ' ');
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
                        "postgres")))
            .within(Duration.ofMinutes(20))
            .reading(fill.replace("; ", ";\n\n"));
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
