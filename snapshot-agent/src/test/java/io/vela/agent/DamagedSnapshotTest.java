package io.vela.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.agent.CloneFailure.StartFailed;
import io.vela.agent.postgres.Sandbox;
import io.vela.agent.postgres.VolumeRecord;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A snapshot that its disk has damaged: what needs the damaged part says so, and nothing else. */
class DamagedSnapshotTest {
  private ServiceFixture fixture;
  private SnapshotInfo whole;
  private SnapshotInfo damaged;

  @BeforeEach
  void twoSnapshots() throws Exception {
    fixture = new ServiceFixture();
    whole = fixture.snapshot(new Source.Empty(Sandbox.EIGHTEEN, List.of()));
    damaged =
        fixture.snapshot(
            new Source.Empty(
                Sandbox.EIGHTEEN,
                List.of(
                    new Source.Script(
                        "postgres",
                        "CREATE TABLE t AS SELECT 1 AS i; CREATE TABLE u AS SELECT 2 AS i"))));
  }

  @AfterEach
  void close() throws Exception {
    fixture.close();
  }

  private Path in(SnapshotInfo snapshot, String file) {
    return fixture.pool.snapshot(snapshot.id()).resolve("data").resolve(file);
  }

  private static void damage(Path file, long at) throws Exception {
    try (var bytes = new RandomAccessFile(file.toFile(), "rw")) {
      bytes.seek(at);
      bytes.write(new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
    }
  }

  private void theOtherIsWhole() throws Exception {
    assertThat(fixture.sql(fixture.started(whole), "SELECT 1")).containsExactly("1");
  }

  @Test
  void aDamagedControlFileFailsTheStartAndSaysWhy() throws Exception {
    damage(in(damaged, "global/pg_control"), 0);

    assertThatThrownBy(() -> fixture.started(damaged))
        .isInstanceOfSatisfying(
            CloneException.class,
            e ->
                assertThat(e.failure())
                    .isInstanceOfSatisfying(
                        StartFailed.class,
                        failed ->
                            assertThat(failed.detail()).containsPattern("control file|checksum")));

    theOtherIsWhole();
    for (var clone : fixture.service.clones()) {
      fixture.service.stop(clone.id(), Sandbox.TIMEOUT);
      fixture.service.destroyClone(clone.id());
    }
    assertThat(fixture.service.clones()).isEmpty();
  }

  @Test
  void aDamagedPageIsToldToWhoReadsItOnly() throws Exception {
    var before = fixture.started(damaged);
    var page = fixture.sql(before, "SELECT pg_relation_filepath('t')").getFirst();
    damage(in(damaged, page), 100);
    var clone = fixture.started(damaged);

    assertThatThrownBy(() -> fixture.sql(clone, "SELECT * FROM t"))
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("XX001"));

    assertThat(fixture.sql(clone, "SELECT * FROM u")).containsExactly("2");
    assertThat(fixture.sql(before, "SELECT * FROM t")).containsExactly("1");
    theOtherIsWhole();
  }

  @Test
  void aSnapshotWithoutARecordKeepsVelaFromNothing() throws Exception {
    Files.writeString(fixture.pool.snapshot(damaged.id()).resolve(VolumeRecord.NAME), "?");
    fixture.service = fixture.open();

    assertThat(fixture.service.snapshots())
        .extracting(SnapshotInfo::id)
        .containsExactly(whole.id());
    assertThatThrownBy(() -> fixture.started(damaged))
        .isInstanceOf(CloneException.class)
        .hasMessageContaining("record");
    theOtherIsWhole();
  }
}
