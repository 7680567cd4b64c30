package io.vela.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.agent.CloneFailure.BinariesMissing;
import io.vela.agent.CloneFailure.SourceFailed;
import io.vela.agent.CloneFailure.UnsupportedSource;
import io.vela.agent.Source.TlsMode;
import io.vela.agent.exec.Command;
import io.vela.agent.postgres.RunningProcesses;
import io.vela.agent.postgres.Sandbox;
import io.vela.config.value.HostPort;
import io.vela.config.value.Secret;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ImportTest {
  private final ServiceFixture fixture;
  private final Sandbox sandbox;

  ImportTest() throws Exception {
    fixture = new ServiceFixture();
    sandbox = fixture.sandbox;
  }

  @AfterEach
  void close() throws Exception {
    fixture.close();
  }

  @Test
  void aRunningServerIsCopiedWhileItIsWrittenTo() throws Exception {
    var production = production(Sandbox.FIFTEEN);
    production.sql("CREATE TABLE t AS SELECT generate_series(1, 50000) AS i");
    var progress = new ArrayList<ImportProgress>();

    var snapshot =
        fixture.service.createSnapshot(
            SnapshotId.random(),
            physical(production, "postgres", "secret"),
            step -> progress.add(step));

    var id = fixture.started(snapshot);
    assertThat(fixture.sql(id, "SELECT count(*) FROM t")).containsExactly("50000");
    assertThat(snapshot.clean()).isTrue();
    assertThat(progress)
        .extracting(ImportProgress::phase)
        .containsSubsequence("connecting", "copying", "preparing", "freezing");
    assertThat(progress)
        .anyMatch(step -> step.phase().equals("copying") && step.totalBytes() > 1 << 20);
    assertThat(production.instance().isRunning()).isTrue();
  }

  @Test
  void aWrongPasswordIsToldAndLeavesNothing() throws Exception {
    var production = production(Sandbox.FIFTEEN);

    var failure = failure(physical(production, "postgres", "wrong"));

    assertThat(failure).isInstanceOf(SourceFailed.class);
    assertThat(failure.message()).contains("password authentication failed");
    assertThat(fixture.leftovers()).isEmpty();
  }

  @Test
  void aRoleThatMayNotReplicateIsToldInPostgressWords() throws Exception {
    var production = production(Sandbox.FIFTEEN);
    production.sql("CREATE ROLE plain LOGIN PASSWORD 'secret'");

    var failure = failure(physical(production, "plain", "secret"));

    assertThat(failure).isInstanceOf(SourceFailed.class);
    assertThat(failure.detail()).containsIgnoringCase("replication");
    assertThat(fixture.leftovers()).isEmpty();
  }

  @Test
  void aServerThatIsNotThereIsTold() {
    var failure =
        failure(new Source.Physical(new HostPort("127.0.0.1", 1), "postgres", Optional.empty()));

    assertThat(failure).isInstanceOf(SourceFailed.class);
    assertThat(failure.message()).contains("127.0.0.1:1");
  }

  @Test
  void tablespacesAreRefusedBeforeAnythingIsCopied() throws Exception {
    var production = production(Sandbox.FIFTEEN);
    var space = sandbox.folder("space");
    production.sql("CREATE TABLESPACE fast LOCATION '" + space + "'");

    var running = failure(physical(production, "postgres", "secret"));
    assertThat(running).isInstanceOf(UnsupportedSource.class);
    assertThat(running.message()).contains("tablespaces").contains("fast");

    production.stop();
    var stopped = failure(new Source.Directory(production.data().toString()));
    assertThat(stopped).isInstanceOf(UnsupportedSource.class);
    assertThat(stopped.message()).contains("tablespaces");
    assertThat(fixture.leftovers()).isEmpty();
  }

  @Test
  void theMissingProgramOfTheSourcesVersionIsNamed() throws Exception {
    var production = production(Sandbox.EIGHTEEN);

    fixture.service = fixture.open(sandbox.binariesWithoutPackages());

    assertThat(failure(physical(production, "postgres", "secret")))
        .isEqualTo(new BinariesMissing(18, "pg_basebackup", "postgresql-client-18"));
    assertThat(fixture.leftovers()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(ints = {Sandbox.FIFTEEN, Sandbox.EIGHTEEN})
  void aStoppedDirectoryIsCopiedAndNotChanged(int major) throws Exception {
    var production = production(major);
    production.sql("CREATE ROLE boss SUPERUSER LOGIN", "CREATE TABLE t AS SELECT 7 AS i");
    production.stop();
    var before = listing(production.data());

    var id = fixture.started(fixture.snapshot(new Source.Directory(production.data().toString())));

    assertThat(fixture.sql(id, "SELECT i FROM t")).containsExactly("7");
    assertThat(listing(production.data())).isEqualTo(before);
  }

  @Test
  void aLinkedWalFolderIsCopiedAndNotShared() throws Exception {
    var data = sandbox.cluster(Sandbox.FIFTEEN, "production");
    var wal = sandbox.root().resolve("wal");
    Files.move(data.resolve("pg_wal"), wal);
    Files.createSymbolicLink(data.resolve("pg_wal"), wal);

    var id = fixture.started(fixture.snapshot(new Source.Directory(data.toString())));

    assertThat(Files.isSymbolicLink(fixture.data(id).resolve("pg_wal"))).isFalse();
  }

  @Test
  void ofADirectoryOnlyWhatPostgresReadsIsCopied() throws Exception {
    var data = sandbox.cluster(Sandbox.FIFTEEN, "production");
    var secret = Files.writeString(sandbox.root().resolve("secret"), "root's own");
    Files.createSymbolicLink(data.resolve("server.key"), secret);
    Files.createSymbolicLink(data.resolve("server.crt"), Path.of("/no/such/file"));
    Files.createSymbolicLink(data.resolve("base/dangling"), Path.of("/no/such/file"));
    Command.of("mkfifo", data.resolve("pipe").toString()).run();
    var configuration = sandbox.root().resolve("postgresql.conf");
    Files.move(data.resolve("postgresql.conf"), configuration);
    Files.writeString(configuration, "work_mem = '7MB'\n", StandardOpenOption.APPEND);
    Files.createSymbolicLink(data.resolve("postgresql.conf"), configuration);

    var id = fixture.started(fixture.snapshot(new Source.Directory(data.toString())));

    assertThat(fixture.sql(id, "SHOW work_mem")).containsExactly("7MB");
    for (var name : List.of("server.key", "server.crt", "base/dangling", "pipe")) {
      assertThat(Files.exists(fixture.data(id).resolve(name), LinkOption.NOFOLLOW_LINKS))
          .as(name)
          .isFalse();
    }
    assertThat(Files.isSymbolicLink(fixture.data(id).resolve("postgresql.conf"))).isFalse();
  }

  @Test
  void aLinkInPlaceOfDataIsRefusedWithItsPath() throws Exception {
    var data = sandbox.cluster(Sandbox.FIFTEEN, "production");
    var elsewhere = sandbox.root().resolve("elsewhere");
    Files.move(data.resolve("base/1"), elsewhere);
    Files.createSymbolicLink(data.resolve("base/1"), elsewhere);

    var failure = failure(new Source.Directory(data.toString()));

    assertThat(failure).isInstanceOf(UnsupportedSource.class);
    assertThat(failure.message()).contains("base/1");
    assertThat(fixture.leftovers()).isEmpty();
  }

  @Test
  void aDirectoryIsReadAsItsOwner() throws Exception {
    org.junit.jupiter.api.Assumptions.assumeTrue(io.vela.agent.exec.ServiceUser.runningAsRoot());
    var data = sandbox.cluster(Sandbox.FIFTEEN, "production");
    new io.vela.agent.file.UntrustedFolder(sandbox.root().resolve("production"))
        .giveTo(new io.vela.agent.file.Owner(54321, 54321));
    var id = fixture.started(fixture.snapshot(new Source.Directory(data.toString())));
    assertThat(fixture.sql(id, "SELECT 1")).containsExactly("1");

    // What its owner may not read is not read for it.
    Files.createDirectory(
        data.resolve("base/9"),
        java.nio.file.attribute.PosixFilePermissions.asFileAttribute(
            java.nio.file.attribute.PosixFilePermissions.fromString("rwx------")));
    assertThat(failure(new Source.Directory(data.toString())).message())
        .contains("could not be copied");
  }

  @Test
  void aSourceThatOffersTlsIsCopiedWithItAndOneThatDoesNotIsSaidToBeOpen() throws Exception {
    var data = sandbox.cluster(Sandbox.FIFTEEN, "production");
    var production = sandbox.production(Sandbox.FIFTEEN, data, certificate(data));

    assertThat(phases(physical(production, "postgres", "secret")))
        .doesNotContain("copying without encryption");

    assertThat(Files.readString(production.log()))
        .contains("replication connection authorized")
        .doesNotContainPattern("application_name=vela import(?!.*SSL enabled)");
    assertThat(phases(physical(production, "postgres", "secret", tls(TlsMode.DISABLE))))
        .contains("copying without encryption");
  }

  @Test
  void theServersCertificateIsVerifiedWhereItIsAskedFor() throws Exception {
    var data = sandbox.cluster(Sandbox.FIFTEEN, "production");
    var production = sandbox.production(Sandbox.FIFTEEN, data, certificate(data));
    certificate(sandbox.folder("other"));
    var other = sandbox.root().resolve("other/server.crt").toString();

    assertThat(
            failure(physical(production, "postgres", "secret", tls(TlsMode.VERIFY_FULL, other)))
                .message())
        .containsIgnoringCase("SSL error");
    phases(
        physical(
            production,
            "postgres",
            "secret",
            tls(TlsMode.VERIFY_FULL, data.resolve("server.crt").toString())));
  }

  @Test
  void aSourceWithoutTlsIsNotCopiedWhereTlsIsRequired() throws Exception {
    var production = production(Sandbox.FIFTEEN);

    assertThat(failure(physical(production, "postgres", "secret", tls(TlsMode.REQUIRE))).message())
        .contains("does not support SSL");
    assertThat(phases(physical(production, "postgres", "secret")))
        .contains("copying without encryption");
  }

  private static Source.Tls tls(TlsMode mode, String... roots) {
    return new Source.Tls(
        mode, Arrays.stream(roots).findFirst(), Optional.empty(), Optional.empty());
  }

  private List<String> phases(Source source) throws Exception {
    var phases = new ArrayList<String>();
    fixture.service.createSnapshot(SnapshotId.random(), source, step -> phases.add(step.phase()));
    return phases;
  }

  /** A certificate for 127.0.0.1 in a folder, and the settings that name it. */
  private Map<String, String> certificate(Path folder) throws Exception {
    var crt = folder.resolve("server.crt");
    var key = folder.resolve("server.key");
    var made =
        Command.of(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=127.0.0.1",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
                "-keyout",
                "" + key,
                "-out",
                "" + crt)
            .run();
    assertThat(made.ok()).as(made.detail()).isTrue();
    sandbox.user().ownOne(crt);
    sandbox.user().ownOne(key);
    return Map.of(
        "ssl", "on", "ssl_cert_file", "" + crt, "ssl_key_file", "" + key, "log_connections", "on");
  }

  @Test
  void aSuperuserOfAnyNameIsFound() throws Exception {
    var production = production(Sandbox.FIFTEEN);
    production.sql("CREATE ROLE \"the boss\" SUPERUSER LOGIN", "ALTER ROLE postgres NOLOGIN");
    production.stop();

    var snapshot = fixture.snapshot(new Source.Directory(production.data().toString()));

    assertThat(snapshot.contents().superuser()).isEqualTo("the boss");
  }

  @Test
  void dataWithoutASuperuserThatMayLogInIsRefused() throws Exception {
    var production = production(Sandbox.FIFTEEN);
    production.sql("ALTER ROLE postgres NOLOGIN");
    production.stop();

    assertThat(failure(new Source.Directory(production.data().toString())).message())
        .contains("no superuser");
    assertThat(fixture.leftovers()).isEmpty();
  }

  @Test
  void aDirectoryInUseOrNotCleanOrNoneAtAllIsRefused() throws Exception {
    var production = production(Sandbox.FIFTEEN);
    var source = new Source.Directory(production.data().toString());

    assertThat(failure(source).message()).contains("a server runs on");
    RunningProcesses.list().stream()
        .filter(process -> process.worksIn(sandbox.root().resolve("production")))
        .forEach(process -> process.handle().destroyForcibly());
    production.instance().ended().toCompletableFuture().join();
    assertThat(failure(source).message()).contains("not shut down cleanly");
    assertThat(failure(new Source.Directory(sandbox.root().toString())).message())
        .contains("is not a data directory");
    assertThat(fixture.leftovers()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"connecting", "copying", "preparing"})
  void anInterruptedImportLeavesNothingBehind(String phase) throws Exception {
    var production = production(Sandbox.FIFTEEN);
    var source = physical(production, "postgres", "secret");

    assertThatThrownBy(
            () ->
                fixture.service.createSnapshot(
                    SnapshotId.random(),
                    source,
                    step -> {
                      if (step.phase().equals(phase)) {
                        Thread.currentThread().interrupt();
                      }
                    }))
        .isInstanceOf(InterruptedException.class);

    assertThat(Thread.interrupted()).isFalse();
    assertThat(fixture.leftovers()).isEmpty();
    assertThat(RunningProcesses.list()).noneMatch(process -> process.worksIn(fixture.pool.root()));
  }

  private Sandbox.Production production(int major) throws Exception {
    return sandbox.production(major, sandbox.cluster(major, "production"), Map.of());
  }

  private Source.Physical physical(Sandbox.Production production, String user, String password)
      throws Exception {
    sandbox.client("pg_basebackup");
    return new Source.Physical(production.address(), user, Optional.of(new Secret(password)));
  }

  private Source.Physical physical(
      Sandbox.Production production, String user, String password, Source.Tls tls)
      throws Exception {
    var plain = physical(production, user, password);
    return new Source.Physical(plain.address(), plain.user(), plain.password(), tls);
  }

  private CloneFailure failure(Source source) {
    try {
      fixture.snapshot(source);
      throw new AssertionError("the import did not fail");
    } catch (CloneException e) {
      return e.failure();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static String listing(Path folder) throws Exception {
    return Command.of("find", folder.toString(), "-printf", "%p %s %T@ %m %U\\n").run().stdout();
  }
}
