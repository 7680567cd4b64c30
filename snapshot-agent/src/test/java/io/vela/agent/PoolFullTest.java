package io.vela.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;
import static org.awaitility.Awaitility.await;

import io.vela.agent.CloneFailure.PoolFull;
import io.vela.agent.postgres.Sandbox;
import io.vela.agent.storage.LoopMount;
import java.nio.file.Files;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** A pool that runs full refuses what is new, and what runs goes on. */
class PoolFullTest {
  private static final long MIB = 1 << 20;
  private static final int RESERVE_MIB = 80;

  @Test
  void aRunningBranchWritesOnWhileCreationIsRefused() throws Exception {
    var outer = new Sandbox();
    try {
      var mount = LoopMount.make("xfs", 400, outer.root());
      try {
        var fixture = new ServiceFixture("reflink", Sandbox.in(mount.folder()), RESERVE_MIB + "MB");
        try {
          refusedWhileABranchWrites(fixture);
        } finally {
          fixture.close();
        }
      } finally {
        mount.unmount();
      }
    } finally {
      outer.close();
    }
  }

  @Test
  void anImportThatFindsTooLittleRoomIsToldSoAndLeavesNothing() throws Exception {
    var outer = new Sandbox();
    try {
      var mount = LoopMount.make("xfs", 400, outer.root());
      try {
        var fixture = new ServiceFixture("reflink", Sandbox.in(mount.folder()), RESERVE_MIB + "MB");
        try {
          tooMuchIsImported(fixture);
        } finally {
          fixture.close();
        }
      } finally {
        mount.unmount();
      }
    } finally {
      outer.close();
    }
  }

  private static void tooMuchIsImported(ServiceFixture fixture) throws Exception {
    var snapshot = fixture.snapshot(new Source.Empty(Sandbox.EIGHTEEN, List.of()));
    var running = fixture.started(snapshot);
    var tooMuch =
        new Source.Script(
            "postgres",
            "CREATE TABLE t AS SELECT repeat(md5(i::text), 30) FROM generate_series(1, 1000000) i");

    assertFull(() -> fixture.snapshot(new Source.Empty(Sandbox.EIGHTEEN, List.of(tooMuch))));

    assertThat(Thread.currentThread().isInterrupted()).isFalse();
    assertThat(fixture.pool.root().resolve("staging")).isEmptyDirectory();
    assertThat(fixture.service.snapshots()).hasSize(1);
    assertThat(fixture.sql(running, "CREATE TABLE t AS SELECT 1 AS i", "SELECT i FROM t"))
        .containsExactly("1");
    // xfs gives freed blocks back in the background.
    await()
        .atMost(Sandbox.TIMEOUT)
        .until(() -> fixture.service.pool().freeBytes() > RESERVE_MIB * MIB);
    fixture.started(snapshot);
  }

  private static void refusedWhileABranchWrites(ServiceFixture fixture) throws Exception {
    var snapshot = fixture.snapshot(new Source.Empty(Sandbox.EIGHTEEN, List.of()));
    var running = fixture.started(snapshot);
    fixture.sql(running, "CREATE TABLE t (i int, filler text)");
    var filler = fixture.sandbox.root().resolve("filler");
    long tooMuch = fixture.service.pool().freeBytes() - (RESERVE_MIB - 5) * MIB;
    LoopMount.must(List.of("fallocate", "--length", "" + tooMuch, filler.toString()));
    var refusing = new AtomicBoolean(true);
    var writing =
        new FutureTask<>(
            () -> {
              int batches = 0;
              for (; batches == 0 || refusing.get(); batches++) {
                fixture.sql(
                    running,
                    "INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 1000) AS i",
                    "DELETE FROM t WHERE i > 500",
                    "VACUUM t");
              }
              fixture.sql(running, "CHECKPOINT");
              return batches;
            });
    Thread.ofPlatform().daemon().start(writing);

    for (int i = 0; i < 20; i++) {
      assertFull(() -> fixture.service.createClone(CloneId.random(), snapshot.id()));
      assertFull(() -> fixture.snapshot(new Source.Empty(Sandbox.EIGHTEEN, List.of())));
    }
    refusing.set(false);

    assertThat(writing.get(60, TimeUnit.SECONDS)).isPositive();
    assertThat(fixture.service.clones()).extracting(CloneInfo::id).containsExactly(running);
    assertThat(fixture.pool.root().resolve("clones").toFile().list()).hasSize(1);
    assertThat(fixture.pool.root().resolve("staging")).isEmptyDirectory();

    Files.delete(filler);
    // xfs gives freed blocks back in the background.
    await()
        .atMost(Sandbox.TIMEOUT)
        .until(() -> fixture.service.pool().freeBytes() > RESERVE_MIB * MIB);
    assertThat(fixture.sql(fixture.started(snapshot), "SELECT 1")).containsExactly("1");
  }

  private static void assertFull(ThrowingCallable call) {
    assertThatThrownBy(call)
        .asInstanceOf(type(CloneException.class))
        .extracting(CloneException::failure)
        .isInstanceOf(PoolFull.class);
  }
}
