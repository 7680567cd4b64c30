package io.vela.router;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vela.agent.CloneFailure.PoolFull;
import io.vela.agent.CloneId;
import io.vela.config.BackendPolicy;
import io.vela.config.BranchPolicy;
import io.vela.config.Durability;
import io.vela.config.MaxBytes;
import io.vela.config.ParkPolicy;
import io.vela.config.TokenPolicy;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.ByteSize;
import io.vela.router.Router.BranchSettings;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** No branch takes the room of all. */
@Timeout(60)
class SpaceGuardTest {
  private static final long MIB = 1 << 20;
  private RouterFixture vela;
  private FakeSession writer;
  private FakeSession other;
  private CloneId written;
  private CloneId otherClone;

  @BeforeEach
  void twoBranchesAtWork() throws Exception {
    vela = new RouterFixture();
    vela.policy(atMost(10 * MIB));
    writer = vela.connect("pr-1");
    written = vela.agent.clones.iterator().next();
    other = vela.connect("pr-2");
    otherClone =
        vela.agent.clones.stream().filter(id -> !id.equals(written)).findFirst().orElseThrow();
    writer.isAtWork();
    other.isAtWork();
    takes(written, 5 * MIB);
    takes(otherClone, 5 * MIB);
    look();
  }

  private static BranchPolicy atMost(long bytes) {
    return new BranchPolicy(
        List.of("*"),
        Duration.ofHours(1),
        Durability.RELAXED,
        false,
        0,
        ParkPolicy.DEFAULT,
        BackendPolicy.DEFAULT,
        TokenPolicy.DEFAULT,
        new MaxBytes.Size(new ByteSize(bytes)));
  }

  @AfterEach
  void close() {
    vela.close();
  }

  private void takes(CloneId clone, long bytes) {
    vela.agent.exclusiveBytes.put(clone, bytes);
  }

  /** Lets the guard look once, and waits until it has. */
  private void look() {
    await().until(vela::isAtRest);
    vela.time.pass(Duration.ofSeconds(5));
    await().until(vela::isAtRest);
  }

  @Test
  void aBranchThatGrowsBeyondItsLimitIsToldSoAndTheOtherIsNot() throws Exception {
    var resting = vela.connect("pr-1");
    look();
    assertThat(writer.ended).isNotDone();

    takes(written, 12 * MIB);
    look();

    assertThat(writer.ended.getNow(new RouteFailure.ShuttingDown()))
        .isInstanceOfSatisfying(
            RouteFailure.BranchFull.class,
            full -> {
              assertThat(full.bytes()).isEqualTo(12 * MIB);
              assertThat(full.limit()).isEqualTo(10 * MIB);
            });
    assertThat(vela.agent.count("endStatements")).isEqualTo(1);
    assertThat(resting.ended).isNotDone();
    assertThat(other.ended).isNotDone();
  }

  private static BranchSettings maxBytes(long bytes) {
    return new BranchSettings(
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.of(new MaxBytes.Size(new ByteSize(bytes))));
  }

  @Test
  void aBranchMayHaveLessThanItsPolicyAllowsAndNeverMore() throws Exception {
    var name = new BranchName("pr-1");
    var view = vela.router.configure(name, maxBytes(6 * MIB));
    assertThat(view.maxBytes()).hasToString("6MB");

    takes(written, 8 * MIB);
    look();
    assertThat(writer.ended).isDone();
    assertThat(other.ended).isNotDone();

    for (var tried :
        List.<ThrowingCallable>of(
            () -> vela.router.configure(name, maxBytes(11 * MIB)),
            () ->
                vela.router.createBranch(
                    new BranchName("pr-3"), new BaselineName("main"), maxBytes(11 * MIB)))) {
      assertThatThrownBy(tried)
          .isInstanceOfSatisfying(
              RouteException.class,
              e ->
                  assertThat(e.failure())
                      .isInstanceOf(RouteFailure.Forbidden.class)
                      .extracting(RouteFailure::message)
                      .asString()
                      .contains("max-bytes 11MB is more than the 10MB"));
    }
    assertThat(vela.router.branch(name).maxBytes()).hasToString("6MB");
  }

  @Test
  void aPolicyThatAllowsLessLaterHoldsForThoseThatHaveMore() throws Exception {
    var name = new BranchName("pr-1");
    var _ = vela.router.configure(name, maxBytes(9 * MIB));

    vela.policy(atMost(6 * MIB));

    assertThat(vela.router.branch(name).maxBytes()).hasToString("6MB");
    takes(written, 8 * MIB);
    look();
    assertThat(writer.ended).isDone();
  }

  @Test
  void aFullBranchIsLetInAndMayFreeRoom() throws Exception {
    takes(written, 12 * MIB);
    look();
    var cleaner = vela.connect("pr-1");
    cleaner.isAtWork();
    look();
    takes(written, 9 * MIB);
    look();
    assertThat(cleaner.ended).isNotDone();

    takes(written, 13 * MIB);
    look();
    assertThat(cleaner.ended).isDone();
  }

  @Test
  void whenHalfTheReserveIsGoneTheOneThatGrowsMostStops() {
    takes(written, 8 * MIB);
    takes(otherClone, 6 * MIB);
    vela.agent.freeBytes = 40;
    look();

    assertThat(writer.ended.getNow(new RouteFailure.ShuttingDown()))
        .isInstanceOfSatisfying(
            RouteFailure.AgentFailed.class,
            failed -> assertThat(failed.cause()).isEqualTo(new PoolFull(40, 100)));
    assertThat(other.ended).isNotDone();
  }

  @Test
  void whenThreeQuartersOfTheReserveAreGoneAllStop() {
    vela.agent.freeBytes = 20;
    look();

    assertThat(writer.ended).isDone();
    assertThat(other.ended).isDone();
  }

  /** The time between two looks while room is short. */
  private void lookSoon() {
    await().until(vela::isAtRest);
    vela.time.pass(Duration.ofMillis(500));
    await().until(vela::isAtRest);
  }

  @Test
  void whatIsNoSessionAndWritesOnEndsWithItsInstance() throws Exception {
    takes(written, 12 * MIB);
    look();
    assertThat(writer.ended).isDone();

    for (long bytes = 100 * MIB; bytes <= 200 * MIB; bytes += 50 * MIB) {
      takes(written, bytes);
      lookSoon();
      assertThat(vela.agent.count("stop immediate")).isZero();
    }
    takes(written, 300 * MIB);
    lookSoon();

    assertThat(vela.agent.count("stop immediate")).isEqualTo(1);
    assertThat(vela.state("pr-1")).isEqualTo("suspended");
    assertThat(vela.state("pr-2")).isEqualTo("running");
  }

  @Test
  void aBranchThatGrowsNowAndThenKeepsItsInstance() {
    for (long bytes = 12 * MIB; bytes <= 600 * MIB; bytes += 100 * MIB) {
      takes(written, bytes);
      look();
    }
    assertThat(vela.agent.count("stop immediate")).isZero();
  }

  @Test
  void aBranchThatCannotBeMeasuredIsTakenForWhatShrinksThePool() {
    vela.agent.freeBytes = 100 * MIB;
    look();
    vela.agent.unmeasurable.add(written);
    vela.agent.freeBytes = 96 * MIB;
    look();
    assertThat(writer.ended).isNotDone();

    vela.agent.freeBytes = 80 * MIB;
    look();

    assertThat(writer.ended.getNow(new RouteFailure.ShuttingDown()))
        .isInstanceOf(RouteFailure.BranchFull.class);
    assertThat(other.ended).isNotDone();
  }

  @Test
  void whoWritesFastIsSeenBeforeTheNextRegularLook() {
    vela.agent.freeBytes = 100 * MIB;
    look();
    takes(written, 40 * MIB);
    vela.agent.freeBytes = 60 * MIB;

    await().until(vela::isAtRest);
    vela.time.pass(Duration.ofSeconds(1));
    await().until(vela::isAtRest);

    assertThat(writer.ended).isDone();
  }
}
