package io.vela.agent.isolation;

import java.io.IOException;

/** Makes namespaces with what Vela's user may do on this host. Safe for several threads. */
interface NamespaceMaker extends AutoCloseable {
  /** How far instances in them are locked in. */
  IsolationLevel level();

  /**
   * Makes one. Blocks for some milliseconds.
   *
   * @param log what the instance's outputs will go to; closed with the namespace
   * @param hostNetwork whether it shares the host's network instead of having none
   */
  PreparedNamespace prepare(InstanceLog log, boolean hostNetwork) throws IOException;

  /** Whether what the system counts by user, such as processes, it counts by instance. */
  boolean countsByInstance();

  /**
   * Takes from an instance that serves the right to put more into the folder of its socket, which
   * lies on the host's disk; where the instance's user is Vela's own, that cannot be taken.
   */
  void seal(RunFiles run) throws IOException;

  /** Takes note of the user id of an instance that was found running; none when negative. */
  void occupy(int userSlot);

  /** Takes a user id back, whose processes have all ended; none when negative. */
  void release(int userSlot);

  @Override
  void close();
}
