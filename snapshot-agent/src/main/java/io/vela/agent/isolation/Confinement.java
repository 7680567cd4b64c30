package io.vela.agent.isolation;

import java.io.IOException;
import java.util.Map;

/** What the kernel refuses an instance that has no namespaces of its own. */
interface Confinement {
  /** How far that locks it in. */
  IsolationLevel level();

  /** See {@link Launcher#serverSettings}. */
  Map<String, String> serverSettings();

  /**
   * Starts the process of an instance.
   *
   * @return its process id
   */
  long start(Launch launch, Spawn spawn) throws IOException;
}
