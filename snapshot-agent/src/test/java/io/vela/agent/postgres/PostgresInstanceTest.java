package io.vela.agent.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;
import static org.awaitility.Awaitility.await;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StartFailed;
import io.vela.agent.CloneFailure.StopTimedOut;
import io.vela.agent.StopMode;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.ProcessSignal;
import io.vela.config.Durability;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.PGConnection;

class PostgresInstanceTest {
  private final Sandbox sandbox;

  PostgresInstanceTest() throws Exception {
    sandbox = new Sandbox();
  }

  @AfterEach
  void close() throws Exception {
    sandbox.close();
  }

  @ParameterizedTest
  @ValueSource(ints = {Sandbox.FIFTEEN, Sandbox.EIGHTEEN})
  void itStartsAnswersAndStopsCleanly(int major) throws Exception {
    var data = sandbox.cluster(major, "a");
    var instance = sandbox.guarded(major, data);

    assertThat(sandbox.query(major, instance, "SHOW server_version_num"))
        .allMatch(version -> version.startsWith(String.valueOf(major)));
    instance.stop(Sandbox.TIMEOUT);

    assertThat(instance.isRunning()).isFalse();
    assertThat(new DataDirectory(data).isShutDown()).isTrue();
    assertThat(ended(instance).requested()).isTrue();
  }

  @Test
  void itListensOnAPrivateSocketOnlyAndDoesNotRunAsRoot() throws Exception {
    var instance = sandbox.guarded(Sandbox.FIFTEEN, sandbox.cluster(Sandbox.FIFTEEN, "a"));
    var run = instance.files().run();

    assertThat(Files.getPosixFilePermissions(run))
        .isEqualTo(PosixFilePermissions.fromString("rwx------"));
    assertThat(Files.getOwner(run).getName()).isEqualTo(sandbox.user().name());
    var pid = pid(instance);
    var status = Files.readString(Path.of("/proc", String.valueOf(pid), "status"));
    assertThat(status).containsPattern("Uid:\\s+" + sandbox.user().uid() + "\\s");
    if (sandbox.user().isOther()) {
      assertThat(status).doesNotContainPattern("Uid:.*\\b0\\b");
    }
    var listening = Command.of("sh", "-c", "ls -l /proc/" + pid + "/fd").run().stdout();
    var inodes =
        Pattern.compile("socket:\\[(\\d+)]")
            .matcher(listening)
            .results()
            .map(m -> m.group(1))
            .toList();
    var tcp =
        Files.readString(Path.of("/proc/net/tcp")) + Files.readString(Path.of("/proc/net/tcp6"));
    assertThat(inodes).isNotEmpty();
    assertThat(inodes).noneMatch(inode -> tcp.contains(" " + inode + " "));
  }

  @Test
  void aStartThatFailsShowsTheLastLinesOfTheLog() throws Exception {
    var data = sandbox.cluster(Sandbox.FIFTEEN, "a", "max_connections = banana");

    assertThatThrownBy(() -> sandbox.guarded(Sandbox.FIFTEEN, data))
        .asInstanceOf(type(CloneException.class))
        .extracting(CloneException::failure)
        .asInstanceOf(type(StartFailed.class))
        .extracting(StartFailed::detail)
        .asString()
        .contains("max_connections")
        .contains("banana");
  }

  @Test
  void theLogOfTheStartBeforeIsKeptAside() throws Exception {
    var data = sandbox.cluster(Sandbox.FIFTEEN, "a");
    var files = sandbox.files(data);
    for (int i = 0; i < 2; i++) {
      sandbox.start(Sandbox.FIFTEEN, files, settings(files)).stop(Sandbox.TIMEOUT);
    }

    assertThat(files.run().resolve("postgres.log.1")).content().contains("shut down");
    assertThat(files.logTail().lines().filter(line -> line.contains("ready to accept"))).hasSize(1);
  }

  @Test
  void itSurvivesItsVelaAndIsAdoptedByTheNext() throws Exception {
    var data = sandbox.cluster(Sandbox.FIFTEEN, "a");
    var files = sandbox.files(data);
    sandbox.start(Sandbox.FIFTEEN, files, settings(files));

    var adopted = adopt(files);

    assertThat(adopted.isRunning()).isTrue();
    assertThat(sandbox.query(Sandbox.FIFTEEN, adopted, "SELECT 1")).containsExactly("1");
    adopted.stop(Sandbox.TIMEOUT);
    assertThat(ended(adopted).requested()).isTrue();
    assertThat(new DataDirectory(data).isShutDown()).isTrue();
  }

  @Test
  void anotherProcessUnderTheOldProcessIdIsNotAdopted() throws Exception {
    var data = sandbox.cluster(Sandbox.FIFTEEN, "a");
    Files.writeString(
        data.resolve("postmaster.pid"),
        ProcessHandle.current().pid() + "\n" + data + "\n1\n5432\n/\n\n1 1\nready\n");

    assertThat(
            PostgresInstance.adopt(sandbox.files(data), RunningProcesses.list(), Sandbox.TIMEOUT))
        .isEmpty();
    assertThat(new DataDirectory(data).isInUse()).isFalse();
  }

  @Test
  void killingThePostmasterIsNoticedAndTheNextStartRecovers() throws Exception {
    var data = sandbox.cluster(Sandbox.FIFTEEN, "a");
    var files = sandbox.files(data);
    var started = sandbox.start(Sandbox.FIFTEEN, files, settings(files));
    var adopted = adopt(files);

    ProcessHandle.of(pid(started)).orElseThrow().destroyForcibly();

    assertThat(ended(started).requested()).isFalse();
    assertThat(ended(adopted).requested()).isFalse();
    var again = sandbox.start(Sandbox.FIFTEEN, files, settings(files));
    assertThat(sandbox.query(Sandbox.FIFTEEN, again, "SELECT 1")).containsExactly("1");
  }

  @Test
  void aServerThatDoesNotStopInTimeIsLeftRunning() throws Exception {
    var instance = sandbox.guarded(Sandbox.FIFTEEN, sandbox.cluster(Sandbox.FIFTEEN, "a"));
    // A stopped process cannot act on the signal.
    Command.of("sh", "-c", "kill -STOP " + pid(instance)).run();
    try {
      assertThatThrownBy(() -> instance.stop(Duration.ofMillis(200)))
          .asInstanceOf(type(CloneException.class))
          .extracting(CloneException::failure)
          .asInstanceOf(type(StopTimedOut.class))
          .extracting(StopTimedOut::message)
          .asString()
          .contains("its postmaster is stopped by a signal");
      assertThat(instance.isRunning()).isTrue();
    } finally {
      Command.of("sh", "-c", "kill -CONT " + pid(instance)).run();
    }
    await().atMost(Sandbox.TIMEOUT).until(() -> !instance.isRunning());
  }

  @Test
  void aServerThatDoesNotActOnSignalsIsKilledWithAllItsProcesses() throws Exception {
    var data = sandbox.cluster(Sandbox.FIFTEEN, "a");
    var files = sandbox.files(data);
    var instance = sandbox.start(Sandbox.FIFTEEN, files, settings(files));
    var processes = ProcessHandle.of(pid(instance)).orElseThrow().descendants().toList();
    Command.of("sh", "-c", "kill -STOP " + pid(instance)).run();
    assertThatThrownBy(() -> instance.stop(StopMode.IMMEDIATE, Duration.ofMillis(200)))
        .isInstanceOf(CloneException.class);

    instance.stop(StopMode.KILL, Sandbox.TIMEOUT);

    assertThat(instance.isRunning()).isFalse();
    assertThat(ended(instance).requested()).isTrue();
    assertThat(processes).isNotEmpty().noneMatch(ProcessSignal::reaches);
    var again = sandbox.start(Sandbox.FIFTEEN, files, settings(files));
    assertThat(sandbox.query(Sandbox.FIFTEEN, again, "SELECT 1")).containsExactly("1");
  }

  @Test
  void aBackendThatDoesNotEndKeepsAFastShutdownWaitingAndNotAnImmediateOne() throws Exception {
    var data = sandbox.cluster(Sandbox.FIFTEEN, "a");
    var files = sandbox.files(data);
    var instance = sandbox.start(Sandbox.FIFTEEN, files, settings(files));
    var session =
        DriverManager.getConnection(
            "jdbc:postgresql://localhost/postgres",
            Sandbox.socket(Path.of(files.endpoint().socket())));
    var backend = ((PGConnection) session).getBackendPID();
    assertThat(Command.of("sh", "-c", "kill -STOP " + backend).run().ok()).isTrue();

    assertThatThrownBy(() -> instance.stop(StopMode.FAST, Duration.ofSeconds(1)))
        .isInstanceOf(CloneException.class);
    instance.stop(StopMode.IMMEDIATE, Sandbox.TIMEOUT);

    // Its backend is gone without a word.
    session.abort(Runnable::run);
    assertThat(instance.isRunning()).isFalse();
  }

  @Test
  void anInterruptedStartLeavesNoServer() throws Exception {
    var data = sandbox.cluster(Sandbox.FIFTEEN, "a");

    Thread.currentThread().interrupt();

    assertThatThrownBy(() -> sandbox.guarded(Sandbox.FIFTEEN, data))
        .isInstanceOf(InterruptedException.class);
    assertThat(RunningProcesses.list()).noneMatch(process -> process.serves(data));
  }

  @Test
  void unloggedTablesSurviveSleep() throws Exception {
    var data = sandbox.cluster(Sandbox.FIFTEEN, "a");
    var files = sandbox.files(data);
    var first = sandbox.start(Sandbox.FIFTEEN, files, settings(files));
    new InstanceSql(files.endpoint(), Sandbox.FIFTEEN, "postgres")
        .run("postgres", "CREATE UNLOGGED TABLE t AS SELECT generate_series(1, 1000)");
    first.stop(Sandbox.TIMEOUT);

    var second = sandbox.start(Sandbox.FIFTEEN, files, settings(files));

    assertThat(sandbox.query(Sandbox.FIFTEEN, second, "SELECT count(*) FROM public.t"))
        .containsExactly("1000");
  }

  @Test
  void preparedTransactionsSurviveSleep() throws Exception {
    var data = sandbox.cluster(Sandbox.FIFTEEN, "a", "max_prepared_transactions = 5");
    var files = sandbox.files(data);
    var first = sandbox.start(Sandbox.FIFTEEN, files, settings(files));
    try (var session =
            DriverManager.getConnection(
                "jdbc:postgresql://localhost/postgres",
                Sandbox.socket(Path.of(files.endpoint().socket())));
        var statement = session.createStatement()) {
      session.setAutoCommit(false);
      statement.execute("CREATE TABLE t (i int)");
      statement.execute("PREPARE TRANSACTION 'two'");
    }
    first.stop(Sandbox.TIMEOUT);

    var second = sandbox.start(Sandbox.FIFTEEN, files, settings(files));

    assertThat(sandbox.query(Sandbox.FIFTEEN, second, "SELECT gid FROM pg_prepared_xacts"))
        .containsExactly("two");
    var sql = new InstanceSql(files.endpoint(), Sandbox.FIFTEEN, "postgres");
    assertThat(sql.activity(List.of("postgres")).uses()).isEmpty();
  }

  @Test
  void aSocketPathTooLongForTheSystemIsRefused() {
    assertThatThrownBy(() -> new InstanceFiles(Path.of("/data"), Path.of("/" + "x".repeat(100))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("107 bytes");
  }

  @Test
  void aConfigurationOfTheOldServersAccessRulesIsNotUsed() throws Exception {
    var data = sandbox.cluster(Sandbox.FIFTEEN, "a");
    Files.write(
        data.resolve("pg_hba.conf"),
        List.of("local all all reject"),
        StandardOpenOption.TRUNCATE_EXISTING);

    var instance = sandbox.guarded(Sandbox.FIFTEEN, data);

    assertThat(sandbox.query(Sandbox.FIFTEEN, instance, "SELECT 1")).containsExactly("1");
  }

  private PostgresInstance adopt(InstanceFiles files) throws Exception {
    return PostgresInstance.adopt(files, RunningProcesses.list(), Sandbox.TIMEOUT).orElseThrow();
  }

  private static Map<String, String> settings(InstanceFiles files) {
    return Guard.settings(
        Sandbox.FIFTEEN, files, Preload.NONE, Sandbox.BUFFERS, Durability.RELAXED);
  }

  private static PostgresInstance.Ended ended(PostgresInstance instance) throws Exception {
    return instance.ended().toCompletableFuture().get(20, TimeUnit.SECONDS);
  }

  private static long pid(PostgresInstance instance) throws Exception {
    return PostmasterFile.read(instance.files().data()).orElseThrow().pid();
  }
}
