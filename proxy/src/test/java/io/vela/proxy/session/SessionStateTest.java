package io.vela.proxy.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.config.value.BranchName;
import io.vela.proxy.auth.BearerTokenAuth;
import io.vela.proxy.wire.ProtocolViolation;
import io.vela.proxy.wire.StartupPacket;
import io.vela.router.Target;
import io.vela.router.branch.BranchLease;
import io.vela.router.route.BranchAddress;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** A transition that is not here does not compile: each is a method of the state it leaves. */
class SessionStateTest {
  private static final BranchAddress ADDRESS =
      new BranchAddress(
          "app",
          "db",
          Optional.of(new BranchName("pr-1")),
          Optional.empty(),
          Map.of("options", "-c x=y"));
  private static final SessionRequest REQUEST =
      new SessionRequest(
          new StartupPacket.StartupMessage(
              StartupPacket.PROTOCOL_3_2, Map.of("user", "app", "database", "db@pr-1")),
          ADDRESS);
  private static final Target TARGET =
      new Target(new BranchName("pr-1"), Optional.empty(), ADDRESS);

  @Test
  void eachKindOfEncryptionMayBeAskedForOnce() throws Exception {
    var both = SessionState.initial().refuseTls().refuseGss();
    assertThat(both).isEqualTo(new SessionState.AwaitingStartup(true, true));
    assertThatThrownBy(both::refuseTls).isInstanceOf(ProtocolViolation.class);
    assertThatThrownBy(both::refuseGss).isInstanceOf(ProtocolViolation.class);
  }

  @Test
  void aSessionGoesFromStartupToWaking() {
    var lease = new CompletableFuture<BranchLease>();
    var waking =
        SessionState.initial()
            .locate(REQUEST)
            .authenticate(TARGET, Optional.empty(), new BearerTokenAuth())
            .wake(TARGET, lease);
    assertThat(waking)
        .isEqualTo(new SessionState.Waking(REQUEST, TARGET, lease, 1, Optional.empty()));
    var again = new CompletableFuture<BranchLease>();
    assertThat(waking.resume(again).lease()).isSameAs(again);
    assertThat(waking.close(Ending.GAVE_UP)).isEqualTo(new SessionState.Closed(Ending.GAVE_UP));
  }

  @Test
  void anExchangeInVainHasNoTarget() {
    var authenticating =
        SessionState.initial().locate(REQUEST).authenticateInVain(new BearerTokenAuth());
    assertThat(authenticating.target()).isEmpty();
    assertThat(authenticating.role()).isEmpty();
  }

  @Test
  void theBackendGetsTheBareDatabaseAndEverythingElse() {
    assertThat(REQUEST.forBackend())
        .isEqualTo(
            new StartupPacket.StartupMessage(
                StartupPacket.PROTOCOL_3_2,
                Map.of("user", "app", "database", "db", "options", "-c x=y")));
  }
}
