package io.vela.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.agent.postgres.Sandbox;
import io.vela.agent.storage.LoopMount;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Clones that are made ahead on a real file system that shares blocks. */
class SpareClonesTest {
  private static final Source ONE_ROW =
      new Source.Empty(
          Sandbox.EIGHTEEN,
          List.of(new Source.Script("postgres", "CREATE TABLE t AS SELECT 42 AS i")));

  @Test
  void theNextCloneIsOneThatWasMadeAheadAndIsAsGood() throws Exception {
    LoopMount.requireRoot("a loop-backed pool");
    var fixture = new ServiceFixture("btrfs", new Sandbox(), "1MB");
    try {
      var snapshot = fixture.snapshot(ONE_ROW);
      fixture.service.createClone(CloneId.random(), snapshot.id());
      var spare = onlyOne(fixture);

      var second = fixture.started(snapshot);

      assertThat(fixture.pool.clone(second)).isDirectory();
      assertThat(spare).doesNotExist();
      assertThat(fixture.sql(second, "SELECT 1", "SELECT i FROM t")).contains("42");
      assertThat(onlyOne(fixture)).isNotEqualTo(spare);
      fixture.service.stop(second, StopMode.FAST, Sandbox.TIMEOUT);
    } finally {
      fixture.close();
    }
  }

  @Test
  void noneIsLeftOfASnapshotThatHasGone() throws Exception {
    LoopMount.requireRoot("a loop-backed pool");
    var fixture = new ServiceFixture("btrfs", new Sandbox(), "1MB");
    try {
      var snapshot = fixture.snapshot(ONE_ROW);
      var clone = CloneId.random();
      fixture.service.createClone(clone, snapshot.id());
      onlyOne(fixture);

      fixture.service.destroyClone(clone);
      fixture.service.destroySnapshot(snapshot.id());

      assertThat(spares(fixture)).isEmpty();
      assertThat(fixture.service.snapshots()).isEmpty();
    } finally {
      fixture.close();
    }
  }

  private static Path onlyOne(ServiceFixture fixture) {
    await().atMost(Duration.ofSeconds(20)).until(() -> spares(fixture).size() == 1);
    return spares(fixture).getFirst();
  }

  private static List<Path> spares(ServiceFixture fixture) {
    try (var all = Files.list(fixture.pool.root().resolve("spares"))) {
      return all.filter(path -> !path.toString().endsWith(".partial")).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
