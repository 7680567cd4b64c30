package io.vela.agent;

import io.vela.agent.CloneFailure.StopTimedOut;
import io.vela.config.DeletionLimits;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

/**
 * Stops the instance of a clone that is to go, whatever it takes: a fast shutdown, then an
 * immediate one, then by killing its processes, each after its time.
 *
 * @param times how long each may take
 */
public record ForcedStop(CloneService agent, DeletionLimits times) {
  /**
   * Blocks until it has ended; at once if it does not run.
   *
   * @param late told of each way that did not end it in time
   * @return the way that ended it
   * @throws CloneException when even killing did not end it in time
   */
  public StopMode stop(CloneId id, Consumer<StopTimedOut> late) throws CloneException {
    for (var mode : List.of(StopMode.FAST, StopMode.IMMEDIATE)) {
      try {
        agent.stop(id, mode, time(mode));
        return mode;
      } catch (CloneException e) {
        if (!(e.failure() instanceof StopTimedOut timedOut)) {
          throw e;
        }
        late.accept(timedOut);
      }
    }
    agent.stop(id, StopMode.KILL, time(StopMode.KILL));
    return StopMode.KILL;
  }

  private Duration time(StopMode mode) {
    return switch (mode) {
      case FAST -> times.fast();
      case IMMEDIATE -> times.immediate();
      case KILL -> times.kill();
    };
  }
}
