package io.vela.admin;

/**
 * Something that must be well for Vela to serve, such as the catalogue. {@link Health#add} puts it
 * on {@code /healthz} and among the metrics.
 */
@FunctionalInterface
public interface HealthPart {
  /** Looks how it is. May block; what it throws counts as {@link State#down}. */
  State look() throws Exception;

  /**
   * How a part is.
   *
   * @param up whether it serves
   * @param detail how or why not, for a person. Anybody who reaches the address may read it, so it
   *     holds no path, no address and nothing that another program said
   * @param diagnosis what is worth knowing besides, for an administrator alone; empty when nothing
   *     is
   */
  record State(boolean up, String detail, String diagnosis) {
    public static State up(String detail) {
      return new State(true, detail, "");
    }

    public static State down(String reason) {
      return new State(false, reason, "");
    }

    /** The same with something to tell an administrator. */
    public State diagnosed(String told) {
      return new State(up, detail, told);
    }
  }
}
