package io.vela.proxy.fuzz;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.ReferenceCountUtil;
import io.vela.proxy.park.StaleErrors;
import io.vela.proxy.wire.BackendMessages;
import io.vela.proxy.wire.BackendTracker;
import io.vela.proxy.wire.CancelKey;
import io.vela.proxy.wire.ClientTrace;
import io.vela.proxy.wire.ErrorFields;
import io.vela.proxy.wire.FrameTracker;
import io.vela.proxy.wire.FrontendTracker;
import io.vela.proxy.wire.MessageDecoder;
import io.vela.proxy.wire.Negotiation;
import io.vela.proxy.wire.PasswordMessage;
import io.vela.proxy.wire.PingAnswers;
import io.vela.proxy.wire.Pings;
import io.vela.proxy.wire.ProtocolViolation;
import io.vela.proxy.wire.RequestLedger;
import io.vela.proxy.wire.SaslInitialResponse;
import io.vela.proxy.wire.SaslResponse;
import io.vela.proxy.wire.StartupPacket;
import io.vela.proxy.wire.StartupPacketDecoder;
import io.vela.proxy.wire.TypedMessage;
import io.vela.router.RouteException;
import io.vela.router.route.BranchAddressParser;
import java.util.List;
import java.util.Optional;

/**
 * Any bytes, cut anywhere, into each reader of bytes. The signature is the one that Jazzer looks
 * for, so that it can be its target as it is.
 */
public final class WireFuzz {
  private static final int MAX_MESSAGE = 4096;

  private WireFuzz() {}

  /** What the first byte of the input chooses. */
  private enum Reader {
    STARTUP,
    PASSWORD,
    FRONTEND,
    BACKEND,
    PAYLOADS,
    PINGS,
    STALE
  }

  /** Fails by any exception, a leak, or an answer that depends on where the input was cut. */
  public static void fuzzerTestOneInput(byte[] input) {
    if (input.length < 2) {
      return;
    }
    var readers = Reader.values();
    int cut = 1 + (input[1] & 0xff);
    var bytes = java.util.Arrays.copyOfRange(input, 2, input.length);
    switch (readers[(input[0] & 0xff) % readers.length]) {
      case STARTUP -> decode(new EmbeddedChannel(new StartupPacketDecoder()), bytes, cut);
      case PASSWORD -> decode(new EmbeddedChannel(new MessageDecoder(MAX_MESSAGE)), bytes, cut);
      case FRONTEND -> track(bytes, cut, true);
      case BACKEND -> track(bytes, cut, false);
      case PAYLOADS -> payloads(bytes);
      case PINGS -> pings(bytes, cut);
      case STALE -> passesUnchanged(new EmbeddedChannel(new StaleErrors(List.of())), bytes, cut);
    }
  }

  private static void decode(EmbeddedChannel channel, byte[] bytes, int cut) {
    for (int at = 0; at < bytes.length; at += cut) {
      ByteBuf part = Unpooled.copiedBuffer(bytes, at, Math.min(cut, bytes.length - at));
      channel.writeInbound(part);
      for (Object read = channel.readInbound(); read != null; read = channel.readInbound()) {
        look(read);
        ReferenceCountUtil.release(read);
      }
    }
    channel.finishAndReleaseAll();
  }

  private static void passesUnchanged(EmbeddedChannel channel, byte[] bytes, int cut) {
    for (int at = 0; at < bytes.length; at += cut) {
      channel.writeInbound(Unpooled.copiedBuffer(bytes, at, Math.min(cut, bytes.length - at)));
    }
    var _ = channel.close();
    var passed = Unpooled.buffer();
    for (ByteBuf read = channel.readInbound(); read != null; read = channel.readInbound()) {
      passed.writeBytes(read);
      read.release();
    }
    var original = Unpooled.wrappedBuffer(bytes);
    boolean same = passed.equals(original);
    original.release();
    passed.release();
    if (!same) {
      throw new AssertionError("what a server says was changed");
    }
  }

  private static void look(Object read) {
    switch (read) {
      case StartupPacket.StartupMessage startup -> {
        var _ = Negotiation.by(15, startup);
        try {
          var _ =
              BranchAddressParser.parse(startup.parameters(), Optional.empty(), Optional.empty());
        } catch (RouteException e) {
          // Refused, in so many words.
        }
      }
      case TypedMessage message -> payloads(message.content());
      default -> {}
    }
  }

  private static void payloads(byte[] bytes) {
    var payload = Unpooled.wrappedBuffer(bytes);
    payloads(payload);
    payload.release();
  }

  /** Reads a payload. */
  private interface Parser {
    Object parse(ByteBuf payload) throws ProtocolViolation;
  }

  private static void payloads(ByteBuf payload) {
    Parser[] parsers = {
      PasswordMessage::parse,
      SaslInitialResponse::parse,
      SaslResponse::parse,
      CancelKey::parse,
      ErrorFields::parse,
      Negotiation::parse
    };
    for (var parser : parsers) {
      try {
        var _ = parser.parse(payload.duplicate());
      } catch (ProtocolViolation e) {
        // Refused, in so many words.
      }
    }
  }

  private static FrameTracker tracker(RequestLedger ledger, boolean frontend) {
    return frontend ? new FrontendTracker(ledger) : new BackendTracker(ledger, (byte) 'I');
  }

  private static void track(byte[] bytes, int cut, boolean frontend) {
    var ledger = new RequestLedger();
    var cutLedger = new RequestLedger();
    var whole = tracker(ledger, frontend);
    var inParts = tracker(cutLedger, frontend);
    var buffer = Unpooled.wrappedBuffer(bytes);
    whole.track(buffer);
    for (int at = 0; at < bytes.length; at += cut) {
      inParts.track(buffer.slice(at, Math.min(cut, bytes.length - at)));
    }
    boolean same =
        whole.atBoundary() == inParts.atBoundary()
            && whole.broken() == inParts.broken()
            && ledger.idle() == cutLedger.idle()
            && ledger.certain() == cutLedger.certain()
            && ledger.requests() == cutLedger.requests();
    buffer.release();
    if (!same) {
      throw new AssertionError("tracking depends on where the input is cut");
    }
  }

  private static void pings(byte[] bytes, int cut) {
    var whole = new PingClient();
    whole.says(bytes, 0, bytes.length);
    var inParts = new PingClient();
    for (int at = 0; at < bytes.length && inParts.rest == PingAnswers.Rest.NOTHING; at += cut) {
      inParts.says(bytes, at, Math.min(cut, bytes.length - at));
    }
    boolean same =
        whole.rest == inParts.rest
            && whole.told.equals(inParts.told)
            && whole.in.readerIndex() == inParts.in.readerIndex();
    whole.in.release();
    inParts.in.release();
    if (!same) {
      throw new AssertionError("answers to pings depend on where the input is cut");
    }
  }

  /** Of a parked session. */
  private static final class PingClient {
    private final ClientTrace trace = new ClientTrace(Pings.of(List.of("SELECT 1")));
    private final ByteBuf in = Unpooled.buffer();
    private final StringBuilder answers = new StringBuilder();
    private String told = "";
    private PingAnswers.Rest rest = PingAnswers.Rest.NOTHING;

    void says(byte[] bytes, int from, int count) {
      in.writeBytes(bytes, from, count);
      var out = new BackendMessages(UnpooledByteBufAllocator.DEFAULT);
      rest = PingAnswers.answer(in, trace, out);
      answers.append(ByteBufUtil.hexDump(out.buffer()));
      told = answers.toString();
      out.buffer().release();
    }
  }
}
