package io.vela.router;

import io.vela.agent.CloneException;
import io.vela.agent.CloneService;
import io.vela.config.MaxBytes;
import io.vela.config.value.BaselineName;
import io.vela.router.Router.BranchSettings;
import java.util.function.Function;

/**
 * What a branch may be allowed to take of the pool: no more than its baseline's policy says,
 * whoever asks. Who administers Vela changes the policy.
 */
final class RoomRule {
  private final CloneService agent;
  private final Function<BaselineName, MaxBytes> policy;

  RoomRule(CloneService agent, Function<BaselineName, MaxBytes> policy) {
    this.agent = agent;
    this.policy = policy;
  }

  /**
   * @throws RouteException with {@link RouteFailure.Forbidden} when it is more
   */
  void check(BaselineName baseline, BranchSettings settings) throws RouteException {
    if (settings.maxBytes().isEmpty()) {
      return;
    }
    var asked = settings.maxBytes().get();
    var most = policy.apply(baseline);
    long pool = poolBytes();
    if (asked.of(pool) > most.of(pool)) {
      throw new RouteException(
          new RouteFailure.Forbidden(
              "max-bytes %s is more than the %s that the policy of baseline \"%s\" allows"
                  .formatted(asked, most, baseline)));
    }
  }

  private long poolBytes() throws RouteException {
    try {
      return agent.pool().totalBytes();
    } catch (CloneException e) {
      throw new RouteException(
          new RouteFailure.AgentFailed("the pool could not be measured", e.failure()), e);
    }
  }
}
