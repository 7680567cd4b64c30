package io.vela.router;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.agent.CloneFailure;
import io.vela.agent.CloneId;
import io.vela.agent.Contents;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class RoleContentsTest {
  private static final CloneId CLONE = CloneId.random();

  private final FakeCloneService agent = new FakeCloneService();
  private final RoleContents contents = new RoleContents(agent, new FakeCatalog());

  private static Contents contents(int major) {
    return new Contents(major, "postgres", List.of(), List.of());
  }

  @Test
  void whatWasReadAheadIsNotReadAgain() throws Exception {
    contents.readAhead(List.of(CLONE, CloneId.random()));

    assertThat(contents.of(CLONE)).isEqualTo(agent.contents);
    assertThat(agent.count("contents")).isEqualTo(2);
  }

  @Test
  void aCloneThatCannotBeReadAheadIsReadWhenAskedFor() throws Exception {
    agent.fail("contents", new CloneFailure.NoSuchClone(CLONE));
    contents.readAhead(List.of(CLONE));
    agent.heal("contents");

    assertThat(contents.of(CLONE)).isEqualTo(agent.contents);
  }

  @Test
  void whatWasSettledDuringAReadIsWhatCounts() throws Exception {
    var held = agent.hold("contents");
    var reading = CompletableFuture.runAsync(() -> contents.readAhead(List.of(CLONE)));
    await().until(() -> agent.count("contents") == 1);
    agent.contents = contents(18);
    contents.settle(CLONE);
    agent.contents = contents(17);

    held.countDown();
    reading.join();

    assertThat(contents.of(CLONE)).isEqualTo(contents(18));
  }
}
