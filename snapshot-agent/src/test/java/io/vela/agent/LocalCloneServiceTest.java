package io.vela.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;
import static org.awaitility.Awaitility.await;

import io.vela.agent.Activity.Use;
import io.vela.agent.exec.Command;
import io.vela.agent.postgres.DataDirectory;
import io.vela.agent.postgres.RunningProcesses;
import io.vela.agent.postgres.Sandbox;
import io.vela.config.PostgresConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;

@TestInstance(Lifecycle.PER_CLASS)
class LocalCloneServiceTest {
  private static final String SCHEMA =
      """
      CREATE ROLE app LOGIN PASSWORD 'secret' CONNECTION LIMIT 5 VALID UNTIL '2030-01-01 00:00:00+00';
      CREATE ROLE forever LOGIN VALID UNTIL 'infinity';
      CREATE TABLE t AS SELECT generate_series(1, 100) AS i\
      """;

  private final ServiceFixture fixture;
  private final SnapshotInfo snapshot;

  LocalCloneServiceTest() throws Exception {
    fixture = new ServiceFixture();
    snapshot =
        fixture.snapshot(
            new Source.Empty(
                Sandbox.EIGHTEEN,
                List.of(
                    new Source.Script("postgres", SCHEMA),
                    new Source.Script("postgres", "CREATE DATABASE app OWNER app"),
                    new Source.Script("app", "CREATE TABLE in_app (i int)"))));
  }

  @BeforeAll
  void nothingIsLeftOfTheImport() throws Exception {
    assertThat(fixture.leftovers()).containsExactly(fixture.pool.snapshot(snapshot.id()));
  }

  @AfterAll
  void close() throws Exception {
    fixture.close();
  }

  @Test
  void aSnapshotIsCleanAndKnowsItsContents() throws Exception {
    var info = snapshot;

    assertThat(fixture.service.snapshots()).contains(info);
    assertThat(info.clean()).isTrue();
    assertThat(info.bytes()).isGreaterThan(10 << 20);
    var contents = info.contents();
    assertThat(contents.major()).isEqualTo(Sandbox.EIGHTEEN);
    assertThat(contents.superuser()).isEqualTo("postgres");
    assertThat(contents.databases())
        .contains(
            new Contents.Database("app", "app"), new Contents.Database("postgres", "postgres"));
    var app = contents.role("app").orElseThrow();
    assertThat(app.password().orElseThrow().reveal()).startsWith("SCRAM-SHA-256$");
    assertThat(app.canLogin()).isTrue();
    assertThat(app.superuser()).isFalse();
    assertThat(app.connectionLimit()).isEqualTo(5);
    assertThat(app.validUntil()).contains(Instant.parse("2030-01-01T00:00:00Z"));
    assertThat(contents.role("forever").orElseThrow().validUntil()).contains(Instant.MAX);
    assertThat(new DataDirectory(fixture.pool.snapshot(snapshot.id()).resolve("data")).isShutDown())
        .isTrue();
  }

  @Test
  void clonesSeeNothingOfEachOther() throws Exception {
    var one = fixture.started(snapshot);
    var two = fixture.started(snapshot);

    fixture.sql(one, "DELETE FROM t");

    assertThat(fixture.sql(one, "SELECT count(*) FROM t")).containsExactly("0");
    assertThat(fixture.sql(two, "SELECT count(*) FROM t")).containsExactly("100");
  }

  @Test
  void aCleanCloneStartsWithoutRecovery() throws Exception {
    var id = fixture.started(snapshot);

    var log = fixture.run.resolve(id.value() + ".log");
    // What Postgres says comes through a pipe, which is read a moment later.
    await().atMost(Duration.ofSeconds(20)).until(() -> Files.exists(log) && ready(log));
    assertThat(log)
        .content()
        .contains("database system was shut down at")
        .doesNotContain("not properly shut down");
  }

  private static boolean ready(Path log) throws IOException {
    return Files.readString(log).contains("ready to accept connections");
  }

  @Test
  void aCloneThatRunsIsNotDestroyedAndAStoppedOneIsGone() throws Exception {
    var id = fixture.started(snapshot);

    assertThatThrownBy(() -> fixture.service.destroyClone(id))
        .isInstanceOf(CloneException.class)
        .hasMessageContaining("runs");
    fixture.service.stop(id, Sandbox.TIMEOUT);
    fixture.service.stop(id, Sandbox.TIMEOUT);
    fixture.service.destroyClone(id);
    fixture.service.destroyClone(id);

    assertThat(fixture.pool.clone(id)).doesNotExist();
    assertThat(fixture.run.resolve(id.value())).doesNotExist();
    assertThatThrownBy(() -> fixture.service.contents(id))
        .asInstanceOf(type(CloneException.class))
        .extracting(CloneException::failure)
        .isEqualTo(new CloneFailure.NoSuchClone(id));
  }

  @Test
  void anInstanceThatSurvivedAnEarlierVelaIsAdopted() throws Exception {
    var id = fixture.started(snapshot);
    fixture.service.close();

    var next = fixture.open();
    fixture.service = next;

    assertThat(next.clones())
        .contains(
            new CloneInfo(
                id, Optional.of(new Endpoint.UnixSocket(fixture.socket(id).toString())), false));
    var exit = next.exit(id).toCompletableFuture();
    assertThat(exit).isNotDone();
    next.stop(id, Sandbox.TIMEOUT);
    assertThat(exit.get(20, TimeUnit.SECONDS).requested()).isTrue();
  }

  @Test
  void aPostmasterThatIsKilledCompletesTheExit() throws Exception {
    var id = fixture.started(snapshot);
    var exit = fixture.service.exit(id).toCompletableFuture();
    var data = fixture.data(id);

    RunningProcesses.list().stream()
        .filter(process -> process.serves(data))
        .forEach(process -> process.handle().destroyForcibly());

    assertThat(exit.get(20, TimeUnit.SECONDS).requested()).isFalse();
    assertThat(fixture.sql(id, "SELECT count(*) FROM t")).containsExactly("100");
  }

  @Test
  void newRolesAreFoundWhenContentsAreRefreshedAndKeptWithTheClone() throws Exception {
    var id = fixture.started(snapshot);
    fixture.sql(id, "CREATE ROLE later LOGIN PASSWORD 'x'");
    assertThat(fixture.service.contents(id).role("later")).isEmpty();

    fixture.service.refreshContents(id);

    assertThat(fixture.service.contents(id).role("later")).isPresent();
    assertThat(fixture.open().contents(id).role("later")).isPresent();
    assertThat(fixture.service.snapshots()).contains(snapshot);
  }

  @Test
  void anIdleInstanceIsNotInUseAndAClientIs() throws Exception {
    var id = fixture.started(snapshot);
    await()
        .atMost(Sandbox.TIMEOUT)
        .untilAsserted(() -> assertThat(fixture.service.activity(id).uses()).isEmpty());

    try (var session =
            DriverManager.getConnection(
                "jdbc:postgresql://localhost/app", Sandbox.socket(fixture.socket(id)));
        var statement = session.createStatement()) {
      statement.execute("SELECT 1");
      var uses = fixture.service.activity(id).uses();
      assertThat(uses).extracting(Use::kind).containsExactly("client backend");
      assertThat(uses.getFirst().detail()).contains("role=postgres").contains("database=app");
    }
  }

  @Test
  void aWalsenderCountsAsUse() throws Exception {
    var id = fixture.started(fixture.snapshot(new Source.Empty(Sandbox.FIFTEEN, List.of())));
    var received = fixture.sandbox.folder("received");
    var receiver =
        Command.of(
                List.of(
                    fixture.sandbox.client("pg_receivewal").toString(),
                    "--host=" + fixture.run.resolve(id.value()),
                    "--username=postgres",
                    "--directory=" + received))
            .start(fixture.sandbox.root().resolve("receiver.log"));
    try {
      await()
          .atMost(Sandbox.TIMEOUT)
          .untilAsserted(
              () ->
                  assertThat(fixture.service.activity(id).uses())
                      .extracting(Use::kind)
                      .contains("walsender"));
    } finally {
      receiver.destroyForcibly();
    }
  }

  @Test
  void anAdoptedPostmasterThatIsKilledCompletesTheExit() throws Exception {
    var id = fixture.started(snapshot);
    var next = fixture.open();
    var exit = next.exit(id).toCompletableFuture();
    var data = fixture.data(id);

    RunningProcesses.list().stream()
        .filter(process -> process.serves(data))
        .forEach(process -> process.handle().destroyForcibly());

    assertThat(exit.get(2, TimeUnit.SECONDS).requested()).isFalse();
    assertThat(next.clones()).contains(new CloneInfo(id, Optional.empty(), false));
    next.start(id, ServiceFixture.SETTINGS);
    assertThat(next.exit(id).toCompletableFuture()).isNotDone();
  }

  private String password(CloneId id) throws Exception {
    return fixture.service.role(id, "app").flatMap(Role::password).orElseThrow().reveal();
  }

  @Test
  void aRoleIsReadAsItIsNow() throws Exception {
    var id = fixture.started(snapshot);
    var first = password(id);
    fixture.sql(id, "ALTER ROLE app PASSWORD 'new'");
    var second = password(id);
    assertThat(second).isNotEqualTo(first);
    fixture.sql(id, "ALTER ROLE app RENAME TO \"it's\"");
    assertThat(fixture.service.role(id, "app")).isEmpty();
    assertThat(fixture.service.role(id, "it's")).isPresent();
    fixture.sql(id, "ALTER ROLE \"it's\" RENAME TO app");
    // The session that reads may be ended by any superuser, and goes by itself.
    fixture.sql(
        id,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vela'");
    assertThat(password(id)).isEqualTo(second);
    await()
        .until(
            () ->
                fixture
                    .sql(
                        id, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vela'")
                    .equals(List.of("0")));
  }

  @Test
  void theSessionThatReadsRolesCountsNeitherAsUseNorAsAConnection() throws Exception {
    var id = fixture.started(snapshot);
    password(id);
    assertThat(
            fixture.sql(
                id, "SELECT backend_type FROM pg_stat_activity WHERE application_name = 'vela'"))
        .containsExactly("walsender");
    assertThat(fixture.service.activity(id).uses()).isEmpty();
    password(id);
    fixture.service.stop(id, Sandbox.TIMEOUT);
  }

  @Test
  void allWhoAskAtTheSameTimeAreAnswered() throws Exception {
    var id = fixture.started(snapshot);
    var answers = new ArrayList<Future<String>>();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 500; i++) {
        answers.add(threads.submit(() -> password(id)));
      }
    }
    for (var answer : answers) {
      assertThat(answer.get()).startsWith("SCRAM-SHA-256$");
    }
  }

  @Test
  void whatACloneHoldsIsSettledFromItsLastReadingToItsNextStart() throws Exception {
    var id = fixture.started(snapshot);
    fixture.sql(id, "ALTER ROLE app PASSWORD 'new'");
    assertThat(settled(id)).isFalse();
    fixture.service.refreshContents(id);
    fixture.service.stop(id, Sandbox.TIMEOUT);
    assertThat(settled(id)).isTrue();
    fixture.service.start(id, ServiceFixture.SETTINGS);
    assertThat(settled(id)).isFalse();
    fixture.service.stop(id, Sandbox.TIMEOUT);
    assertThat(settled(id)).isFalse();
  }

  private boolean settled(CloneId id) throws CloneException {
    return fixture.service.clones().stream()
        .filter(clone -> clone.id().equals(id))
        .findFirst()
        .orElseThrow()
        .settled();
  }

  @Test
  void aRunFolderTooDeepForASocketIsRefusedAtOnce() {
    var deep = fixture.sandbox.root().resolve("x".repeat(80));

    assertThatThrownBy(
            () ->
                LocalCloneService.open(
                    fixture.pool,
                    fixture.sandbox.binaries(),
                    fixture.sandbox.user(),
                    deep,
                    PostgresConfig.DEFAULT))
        .isInstanceOf(CloneException.class)
        .hasMessageContaining("107 bytes");
    assertThat(Path.of(deep.toString())).doesNotExist();
  }

  @Test
  void anInterruptCancelsALongSeedAndLeavesNothing() throws Exception {
    var before = fixture.service.snapshots();
    var source =
        new Source.Empty(
            Sandbox.EIGHTEEN, List.of(new Source.Script("postgres", "SELECT pg_sleep(3600)")));
    var end = new CompletableFuture<Exception>();
    var seeding =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    fixture.snapshot(source);
                    end.completeExceptionally(new AssertionError("the seed ended"));
                  } catch (CloneException | InterruptedException e) {
                    end.complete(e);
                  }
                });
    await().atMost(Sandbox.TIMEOUT).until(this::aSeedRuns);

    seeding.interrupt();

    assertThat(end.get(20, TimeUnit.SECONDS)).isInstanceOf(InterruptedException.class);
    assertThat(aSeedRuns()).isFalse();
    assertThat(fixture.service.snapshots()).hasSameSizeAs(before);
    assertThat(fixture.pool.root().resolve("staging")).isEmptyDirectory();
  }

  private boolean aSeedRuns() throws Exception {
    var staging = fixture.pool.root().resolve("staging");
    return RunningProcesses.list().stream()
        .filter(process -> process.argv().getFirst().contains("[local] SELECT"))
        .flatMap(process -> process.handle().parent().stream())
        .flatMap(parent -> RunningProcesses.find(parent.pid()).stream())
        .flatMap(parent -> parent.served().stream())
        .anyMatch(data -> data.startsWith(staging));
  }

  @Test
  void aSeedThatFailsLeavesNothing() throws Exception {
    var before = fixture.service.snapshots();

    assertThatThrownBy(
            () ->
                fixture.snapshot(
                    new Source.Empty(
                        Sandbox.FIFTEEN,
                        List.of(new Source.Script("postgres", "SELECT no_such_function()")))))
        .isInstanceOf(CloneException.class)
        .hasMessageContaining("no_such_function");

    assertThat(fixture.service.snapshots()).hasSameSizeAs(before);
    assertThat(fixture.pool.root().resolve("staging")).isEmptyDirectory();
  }
}
