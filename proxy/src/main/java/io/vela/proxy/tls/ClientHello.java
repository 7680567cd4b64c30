package io.vela.proxy.tls;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What a client's first handshake message says that the engines do not tell alike.
 *
 * @param serverName the host that it asks for (RFC 6066, section 3), in lower case
 * @param protocols the application protocols that it offers (RFC 7301); empty when it says nothing
 *     of them
 */
record ClientHello(Optional<String> serverName, Optional<List<String>> protocols) {
  private static final int SERVER_NAME = 0;
  private static final int APPLICATION_PROTOCOLS = 16;
  private static final int HOST_NAME = 0;
  private static final int VERSION_AND_RANDOM = 2 + 32;

  /** Of a message that could not be read; the engine will refuse it. */
  static final ClientHello UNREADABLE = new ClientHello(Optional.empty(), Optional.empty());

  /**
   * Parses a ClientHello (RFC 8446, section 4.1.2).
   *
   * @param body without the four bytes of type and length; stays the caller's
   */
  static ClientHello parse(ByteBuf body) {
    var in = body.slice();
    try {
      in.skipBytes(VERSION_AND_RANDOM);
      in.skipBytes(in.readUnsignedByte());
      in.skipBytes(in.readUnsignedShort());
      in.skipBytes(in.readUnsignedByte());
      if (!in.isReadable()) {
        return UNREADABLE;
      }
      var extensions = in.readSlice(in.readUnsignedShort());
      Optional<String> serverName = Optional.empty();
      Optional<List<String>> protocols = Optional.empty();
      while (extensions.isReadable()) {
        int type = extensions.readUnsignedShort();
        var content = extensions.readSlice(extensions.readUnsignedShort());
        switch (type) {
          case SERVER_NAME -> serverName = serverName(content);
          case APPLICATION_PROTOCOLS -> protocols = Optional.of(protocols(content));
          default -> {}
        }
      }
      return new ClientHello(serverName, protocols);
    } catch (IndexOutOfBoundsException e) {
      return UNREADABLE;
    }
  }

  private static Optional<String> serverName(ByteBuf content) {
    var names = content.readSlice(content.readUnsignedShort());
    while (names.isReadable()) {
      int type = names.readUnsignedByte();
      var name = names.readSlice(names.readUnsignedShort()).toString(US_ASCII);
      if (type == HOST_NAME) {
        return Optional.of(name.toLowerCase(Locale.ROOT));
      }
    }
    return Optional.empty();
  }

  private static List<String> protocols(ByteBuf content) {
    var list = content.readSlice(content.readUnsignedShort());
    var protocols = new ArrayList<String>();
    while (list.isReadable()) {
      protocols.add(list.readSlice(list.readUnsignedByte()).toString(US_ASCII));
    }
    return protocols;
  }
}
