package io.vela.agent.isolation;

import java.io.IOException;
import java.util.Map;

/** Nothing but what the service user may not do. */
final class NoConfinement implements Confinement {
  @Override
  public IsolationLevel level() {
    return IsolationLevel.NONE;
  }

  @Override
  public Map<String, String> serverSettings() {
    return Map.of();
  }

  @Override
  public long start(Launch launch, Spawn spawn) throws IOException {
    return spawn.start();
  }
}
