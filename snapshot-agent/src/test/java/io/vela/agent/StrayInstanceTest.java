package io.vela.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.agent.CloneFailure.StartTimedOut;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.ProcessSignal;
import io.vela.agent.postgres.RunningProcesses;
import io.vela.agent.postgres.RunningProcesses.Running;
import io.vela.agent.postgres.Sandbox;
import io.vela.config.DeletionLimits;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Instances of an earlier Vela that neither serve nor end. */
class StrayInstanceTest {
  private final ServiceFixture fixture;
  private SnapshotInfo snapshot;

  StrayInstanceTest() throws Exception {
    fixture = new ServiceFixture();
  }

  @BeforeEach
  void snapshot() throws Exception {
    snapshot = fixture.snapshot(new Source.Empty(Sandbox.EIGHTEEN, List.of()));
  }

  @AfterEach
  void close() throws Exception {
    fixture.close();
  }

  @Test
  void thoseThatCannotBeTakenOverAreToldAndDoNotKeepVelaWaitingOneAfterTheOther() throws Exception {
    var good = fixture.started(snapshot);
    var stuck = List.of(stuck(), stuck(), stuck());
    long start = System.nanoTime();

    var next = fixture.open();

    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(25));
    assertThat(next.clones()).hasSize(4);
    for (var clone : next.clones()) {
      assertThat(clone.running().isPresent()).isEqualTo(clone.id().equals(good));
      assertThat(clone.trouble().isPresent()).isEqualTo(stuck.contains(clone.id()));
      assertThat(clone.trouble().stream()).allMatch(StartTimedOut.class::isInstance);
    }
  }

  @Test
  void oneThatCannotBeTakenOverIsRemovedWithItsCloneByForce() throws Exception {
    var id = stuck();
    var next = fixture.open();
    assertThatThrownBy(() -> next.destroyClone(id)).hasMessageContaining("its instance runs");
    var late = new ArrayList<CloneFailure>();

    var mode =
        new ForcedStop(
                next,
                new DeletionLimits(Duration.ofSeconds(1), Duration.ofSeconds(1), Sandbox.TIMEOUT))
            .stop(id, late::add);
    next.destroyClone(id);

    assertThat(mode).isEqualTo(StopMode.KILL);
    assertThat(late).hasSize(2);
    assertThat(fixture.pool.clone(id)).doesNotExist();
    assertThat(serving(id)).isEmpty();
  }

  @Test
  void oneThatComesToItsEndLaterIsStartedAnewWithItsRows() throws Exception {
    var id = stuck();
    var next = fixture.open();

    signal("-CONT", serving(id).getFirst().handle());
    var _ = next.start(id, ServiceFixture.SETTINGS);

    fixture.service = next;
    assertThat(fixture.sql(id, "SELECT i FROM kept")).containsExactly("1");
    assertThat(next.clones()).allMatch(clone -> clone.trouble().isEmpty());
  }

  /** A clone whose instance is on its way down and gets no further. */
  private CloneId stuck() throws Exception {
    var id = fixture.started(snapshot);
    fixture.sql(id, "CREATE TABLE kept AS SELECT 1 AS i");
    var postmaster = serving(id).getFirst().handle();
    signal("-STOP", postmaster);
    assertThat(ProcessSignal.INT.send(postmaster)).isTrue();
    // As it writes it itself as soon as it acts on that.
    var file = fixture.data(id).resolve("postmaster.pid");
    Files.writeString(file, Files.readString(file).replace("ready", "stopping"));
    return id;
  }

  private List<Running> serving(CloneId id) throws Exception {
    var data = fixture.data(id);
    return RunningProcesses.list().stream().filter(process -> process.serves(data)).toList();
  }

  private static void signal(String name, ProcessHandle process) throws Exception {
    assertThat(Command.of("sh", "-c", "kill " + name + " " + process.pid()).run().ok()).isTrue();
  }
}
