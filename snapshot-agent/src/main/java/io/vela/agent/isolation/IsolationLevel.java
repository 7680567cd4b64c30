package io.vela.agent.isolation;

import java.util.Locale;

/** How far the processes of a branch are locked in, least first. */
public enum IsolationLevel {
  /** They run as Vela's service user and see what that user sees. */
  NONE("processes of branches see what their user sees on this host"),

  /**
   * They share processes, network and user with Vela, but the kernel lets them open only their own
   * files, connect to nothing and signal nobody else.
   */
  LANDLOCK("branches reach only their own files and nobody else's processes, by Landlock"),

  /** They have namespaces of their own, but one user id, which is Vela's own. */
  NAMESPACES("branches have namespaces of their own and share a user id"),

  /** They have namespaces of their own and each branch has a user id of its own. */
  FULL("each branch has namespaces and a user id of its own");

  private final String explanation;

  IsolationLevel(String explanation) {
    this.explanation = explanation;
  }

  /** For a person. */
  public String explanation() {
    return explanation;
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
