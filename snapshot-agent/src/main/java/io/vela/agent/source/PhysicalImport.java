package io.vela.agent.source;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.SourceFailed;
import io.vela.agent.CloneFailure.UnsupportedSource;
import io.vela.agent.ImportProgress;
import io.vela.agent.Source;
import io.vela.agent.Source.TlsMode;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.postgres.DataDirectory;
import io.vela.agent.postgres.PostgresBinaries;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A running server, copied with {@code pg_basebackup}, which verifies checksums as it reads
 * (Postgres documentation, "pg_basebackup").
 */
final class PhysicalImport implements Importer {
  private static final Logger log = LoggerFactory.getLogger(PhysicalImport.class);
  private static final String NO_HOME = "/nonexistent";
  private static final int OLDEST = 14;
  private static final Duration TIMEOUT = Duration.ofHours(24);
  private static final Pattern PROGRESS = Pattern.compile("\\s*(\\d+)/(\\d+) kB.*");

  private final Source.Physical source;
  private final PostgresBinaries binaries;
  private final ServiceUser user;

  PhysicalImport(Source.Physical source, PostgresBinaries binaries, ServiceUser user) {
    this.source = source;
    this.binaries = binaries;
    this.user = user;
  }

  @Override
  public Imported bring(Path data, Consumer<ImportProgress> progress)
      throws CloneException, IOException, InterruptedException {
    progress.accept(new ImportProgress("connecting", 0, 0));
    var server = SourceServer.ask(source);
    check(server);
    binaries.installation(server.major());
    var program = binaries.client(server.major(), "pg_basebackup");
    if (server.tls() == TlsMode.DISABLE) {
      progress.accept(new ImportProgress("copying without encryption", 0, 0));
      log.warn(
          "source is not encrypted address={} sslmode={}", source.address(), source.tls().mode());
    }
    DataDirectory.create(data, user);
    copy(program, data, server.tls(), progress);
    // Before anything in it is read or written: what came is whatever its server wanted.
    ImportedTree.check(data, user.owner());
    var configuration = new ArrayList<>(List.of("# made by Vela from the source's pg_settings"));
    configuration.addAll(server.configuration());
    return new Imported(configuration, List.of());
  }

  private static void check(SourceServer server) throws CloneException {
    if (server.major() < OLDEST) {
      throw new CloneException(
          new UnsupportedSource(
              "the source runs Postgres " + server.major(),
              "Postgres 14 and later can be copied."));
    }
    if (!server.tablespaces().isEmpty()) {
      throw new CloneException(
          new UnsupportedSource(
              "the source has tablespaces outside of its data directory: "
                  + String.join(", ", server.tablespaces()),
              "Move their tables and indexes to pg_default and drop them."));
    }
  }

  private void copy(Path program, Path data, TlsMode tls, Consumer<ImportProgress> progress)
      throws CloneException, InterruptedException {
    var argv =
        List.of(
            program.toString(),
            "--pgdata=" + data,
            "--host=" + source.address().host(),
            "--port=" + source.address().port(),
            "--username=" + source.user(),
            "--no-password",
            "--wal-method=stream",
            "--checkpoint=fast",
            "--progress",
            // The volume is written to disk as a whole before it is frozen.
            "--no-sync");
    var command =
        Command.of(user.wrap(argv))
            .within(TIMEOUT)
            .env("PGAPPNAME", "vela import")
            .env("PGCONNECT_TIMEOUT", "15")
            .env("PGSSLMODE", tls.toString());
    for (var file :
        Map.of(
                "PGSSLROOTCERT",
                source.tls().rootCertificate(),
                "PGSSLCERT",
                source.tls().certificate(),
                "PGSSLKEY",
                source.tls().key())
            .entrySet()) {
      if (file.getValue().isPresent()) {
        command = command.env(file.getKey(), file.getValue().get());
      }
    }
    if (user.isOther()) {
      // libpq would look for certificates in root's home, which is closed to that user.
      command = command.env("HOME", NO_HOME);
    }
    if (source.password().isPresent()) {
      // In the environment: a command line can be read by everyone on the host.
      command = command.env("PGPASSWORD", source.password().get().reveal());
    }
    var result = command.run(line -> report(line, progress));
    if (!result.ok()) {
      throw new CloneException(
          new SourceFailed(
              "%s could not be copied: %s".formatted(source.address(), result.problem()),
              withoutProgress(result.stderr())));
    }
  }

  private static void report(String line, Consumer<ImportProgress> progress) {
    var numbers = PROGRESS.matcher(line);
    if (numbers.matches()) {
      progress.accept(
          new ImportProgress(
              "copying",
              Long.parseLong(numbers.group(1)) << 10,
              Long.parseLong(numbers.group(2)) << 10));
    }
  }

  private static String withoutProgress(String stderr) {
    return String.join(
        "\n", stderr.lines().filter(line -> !PROGRESS.matcher(line).matches()).toList());
  }
}
