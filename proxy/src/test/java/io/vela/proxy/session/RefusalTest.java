package io.vela.proxy.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.vela.agent.CloneFailure;
import io.vela.config.RunningLimits.Bound;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.proxy.wire.ErrorMessage.Severity;
import io.vela.router.RouteFailure;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class RefusalTest {
  private static final BranchName BRANCH = new BranchName("pr-1");

  static Stream<Arguments> failures() {
    return Stream.of(
        arguments(new RouteFailure.NoBranchNamed(), "3D000"),
        arguments(new RouteFailure.NoSuchBranch(BRANCH), "3D000"),
        arguments(new RouteFailure.NoSuchBaseline("main"), "3D000"),
        arguments(new RouteFailure.AlreadyExists("branch", "pr-1"), "57P03"),
        arguments(new RouteFailure.Malformed("malformed"), "22023"),
        arguments(new RouteFailure.Conflicting("a", "b"), "22023"),
        arguments(new RouteFailure.InvalidValue("replication", "maybe", "hint"), "22023"),
        arguments(
            new RouteFailure.ReplicationForbidden(new BranchName("pr-1"), new BaselineName("main")),
            "28000"),
        arguments(new RouteFailure.TokenNotGood("k3f9x2", "revoked"), "28P01"),
        arguments(
            new RouteFailure.BadToken("k3f9x2", RouteFailure.BadToken.Reason.EXPIRED), "28P01"),
        arguments(new RouteFailure.NoSuchToken("k3f9x2"), "3D000"),
        arguments(new RouteFailure.TokenRevoked("k3f9x2"), "57P01"),
        arguments(new RouteFailure.NotGranted("not granted"), "28000"),
        arguments(new RouteFailure.Forbidden("forbidden"), "28000"),
        arguments(new RouteFailure.InUse("in use", List.of()), "57P03"),
        arguments(new RouteFailure.BranchDeleted(BRANCH), "57P04"),
        arguments(new RouteFailure.SuspendedByHand(BRANCH), "57P01"),
        arguments(new RouteFailure.IdleDisconnected(BRANCH, Duration.ofMinutes(1)), "57P01"),
        arguments(new RouteFailure.WakeTimedOut(BRANCH, Duration.ofSeconds(30)), "57P03"),
        arguments(
            new RouteFailure.AgentFailed("no room", new CloneFailure.PoolFull(1, 2)), "53100"),
        arguments(
            new RouteFailure.AgentFailed("no start", new CloneFailure.StartFailed("a", "b")),
            "57P03"),
        arguments(
            new RouteFailure.NoRoom(BRANCH, new Bound(3, "limits.max-running"), List.of("dev")),
            "53400"),
        arguments(new RouteFailure.BranchFull(BRANCH, 2, 1), "53100"),
        arguments(new RouteFailure.NotQuarantined("0011223344556677"), "3D000"),
        arguments(new RouteFailure.CatalogUnavailable("down"), "57P03"),
        arguments(new RouteFailure.ShuttingDown(), "57P01"));
  }

  @ParameterizedTest
  @MethodSource("failures")
  void everyFailureIsToldWithItsState(RouteFailure failure, String sqlState) {
    var error = Refusal.of(failure);
    assertThat(error.severity()).isEqualTo(Severity.FATAL);
    assertThat(error.state().code()).isEqualTo(sqlState);
    assertThat(error.message()).isEqualTo(failure.message());
    assertThat(error.detail()).isEqualTo(failure.detail());
    assertThat(error.hint()).isEqualTo(failure.hint());
  }

  @Test
  void noFailureIsForgottenHere() {
    var covered =
        failures().map(one -> String.valueOf(one.get()[0]).replaceFirst("\\[.*", "")).toList();
    var all =
        Arrays.stream(RouteFailure.class.getPermittedSubclasses())
            .map(Class::getSimpleName)
            .toList();
    assertThat(covered).containsAll(all);
  }

  @Test
  void aRevokedSessionIsToldWhetherItsBranchIsThere() {
    assertThat(Refusal.revoked(new RouteFailure.BranchDeleted(BRANCH)).state().code())
        .isEqualTo("57P04");
    assertThat(Refusal.revoked(new RouteFailure.ShuttingDown()).state().code()).isEqualTo("57P01");
  }
}
