package io.vela.agent.isolation;

import java.io.IOException;
import java.util.Map;
import java.util.Optional;

/**
 * Starts the processes of instances, locked in as far as this host lets it. Any thread; methods
 * block.
 */
public interface Launcher extends AutoCloseable {
  /** How far its instances are locked in. */
  IsolationLevel level();

  /** Settings that a server needs to run locked in like that, by name. */
  default Map<String, String> serverSettings() {
    return Map.of();
  }

  /** Starts an instance and keeps a record of it, so that a later Vela finds it again. */
  Launched launch(Launch launch) throws IOException;

  /**
   * Finds the instance of an earlier Vela again by its record.
   *
   * @return empty when it has ended or never was
   */
  Optional<Launched> adopt(RunFiles run) throws IOException;

  /** Ends what is kept ready; instances go on. */
  @Override
  void close();
}
