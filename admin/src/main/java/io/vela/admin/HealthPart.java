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
   * How a part is. Anybody who reaches the address may read it, so it holds no path, no address and
   * nothing that another program said.
   *
   * @param up whether it serves
   * @param detail how or why not, for a person
   */
  record State(boolean up, String detail) {
    public static State up(String detail) {
      return new State(true, detail);
    }

    public static State down(String reason) {
      return new State(false, reason);
    }
  }
}
