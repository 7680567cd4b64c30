package io.vela.proxy.wire;

import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a server says in NegotiateProtocolVersion to a client that asks for a newer protocol or for
 * options that it does not know (section 54.2.1).
 *
 * @param version the version that is spoken, major in the upper and minor in the lower 16 bits
 * @param unknownOptions the {@code _pq_.} options that are not understood
 */
public record Negotiation(int version, List<String> unknownOptions) {
  /** The majors whose answer is known; what a later one says only itself can tell. */
  private static final int OLDEST_KNOWN = 14;

  private static final int NEWEST_KNOWN = 18;

  /** The first Postgres to speak 3.2. */
  private static final int FIRST_WITH_3_2 = 18;

  /** Keeps an unmodifiable copy. */
  public Negotiation {
    unknownOptions = List.copyOf(unknownOptions);
  }

  /** Whether a client asks for anything that not every server of protocol 3 has. */
  public static boolean isAskedFor(StartupPacket.StartupMessage startup) {
    return startup.minorVersion() > 0 || !startup.protocolOptions().isEmpty();
  }

  /**
   * What Postgres of a major version answers (ProcessStartupPacket in backend_startup.c); no
   * release so far knows a {@code _pq_.} option.
   *
   * @return empty when it agrees to everything, or when it is not known what it would say
   */
  public static Optional<Negotiation> by(int major, StartupPacket.StartupMessage startup) {
    if (major < OLDEST_KNOWN || major > NEWEST_KNOWN) {
      return Optional.empty();
    }
    int newest = major >= FIRST_WITH_3_2 ? StartupPacket.PROTOCOL_3_2 : StartupPacket.PROTOCOL_3_0;
    var unknown = startup.protocolOptions();
    if (startup.protocolVersion() <= newest && unknown.isEmpty()) {
      return Optional.empty();
    }
    int spoken = major >= FIRST_WITH_3_2 ? Math.min(newest, startup.protocolVersion()) : newest;
    return Optional.of(new Negotiation(spoken, unknown));
  }

  /**
   * Reads the payload of a NegotiateProtocolVersion.
   *
   * @throws ProtocolViolation when it is not one
   */
  public static Negotiation parse(ByteBuf payload) throws ProtocolViolation {
    var reader = new PayloadReader("NegotiateProtocolVersion", payload);
    int version = reader.readInt();
    int count = reader.readInt();
    var unknown = new ArrayList<String>();
    for (int i = 0; i < count; i++) {
      unknown.add(reader.readString());
    }
    reader.expectEnd();
    return new Negotiation(version, unknown);
  }
}
