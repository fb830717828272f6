"""A stand-in for an asset market that offers `readPage()` to bots, built from what is known of such pages."""

import json

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, ExtraModel, Page, WaitPage, models


class C(BaseConstants):
    NAME_IN_URL = "calls"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 8
    DIVIDENDS = (0.4, 1.0)
    INTEREST = 0.05
    BUY_BACK = 14
    HORIZONS = (0, 2, 5, 10)


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    price = models.FloatField()
    volume = models.IntegerField(initial=0)
    dividend = models.FloatField()


class Player(BasePlayer):
    cash = models.FloatField()
    shares = models.IntegerField()
    bought = models.IntegerField(initial=0)
    sold = models.IntegerField(initial=0)
    interest = models.FloatField(initial=0)
    dividends = models.FloatField(initial=0)
    f0 = models.StringField(blank=True)
    f1 = models.StringField(blank=True)
    f2 = models.StringField(blank=True)
    f3 = models.StringField(blank=True)
    early = models.BooleanField(initial=False)


class Order(ExtraModel):
    player = models.Link(Player)
    kind = models.StringField()
    quantity = models.IntegerField()
    price = models.FloatField()
    deleted = models.BooleanField(initial=False)


def practice(player):
    return player.session.config["practice"]


def is_practice(player):
    return player.round_number <= practice(player)


def period(player):
    """Return the round within its phase; the history starts anew at the first paid round."""
    return player.round_number - (0 if is_practice(player) else practice(player))


def rounds_so_far(player):
    return player.in_rounds(player.round_number - period(player) + 1, player.round_number)


def endow(player):
    if period(player) == 1:
        player.cash, player.shares = 100, 4
    else:
        last = player.in_round(player.round_number - 1)
        player.cash, player.shares = last.cash, last.shares


def clear(group):
    players = group.get_players()
    orders = [one for p in players for one in Order.filter(player=p) if not one.deleted]
    bids = sorted((o for o in orders if o.kind == "BUY"), key=lambda o: -o.price)
    asks = sorted((o for o in orders if o.kind == "SELL"), key=lambda o: o.price)
    buying = [o for o in bids for _ in range(o.quantity)]
    selling = [o for o in asks for _ in range(o.quantity)]
    pairs = [(b, s) for b, s in zip(buying, selling, strict=False) if b.price >= s.price]
    before = [one.group.price for one in rounds_so_far(players[0])[:-1]]
    last = before[-1] if before else 14
    group.price = round((pairs[-1][0].price + pairs[-1][1].price) / 2, 2) if pairs else last
    group.volume = len(pairs)
    group.dividend = C.DIVIDENDS[group.round_number % 2]
    for bid, ask in pairs:
        bid.player.bought += 1
        ask.player.sold += 1
    for one in players:
        one.cash += group.price * (one.sold - one.bought)
        one.shares += one.bought - one.sold
        one.interest = round(one.cash * C.INTEREST, 2)
        one.dividends = round(one.shares * group.dividend, 2)
        one.cash = round(one.cash + one.interest + one.dividends, 2)


def history_of(player, closed):
    past = rounds_so_far(player) if closed else rounds_so_far(player)[:-1]
    return {
        "source": "market_history",
        "num_periods": practice(player) + player.session.config["paid"],
        "labels": list(range(period(player) + 1)),
        "prices": [14, *(one.group.price for one in past)],
        "volumes": [0, *(one.group.volume for one in past)],
    }


def stats_of(player, closed):
    price = history_of(player, closed)["prices"][-1]
    return {
        "subsource": f"stats_dashboard_{'post' if closed else 'pre'}_round",
        "personalStats": {
            "shares": str(player.shares),
            "cash": f"{player.cash:.2f}",
            "stockValue": f"{price * player.shares:.2f}",
            "dividendEarned": f"{player.dividends:.2f}" if closed else None,
            "interestEarned": f"{player.interest:.2f}" if closed else None,
        },
        "marketStats": {
            "marketPrice": f"{price:.1f}", "interestRate": "5%",
            "dividends": "0.4 or 1.0", "buyBack": "14.00",
        },
    }  # fmt: skip


def told(player, source, **more):
    closed = source == "round_results_page"
    rounds = {"market_history_data": history_of(player, closed), "stats_data": stats_of(player, closed)}
    return {"source": source, **rounds, **more}


def last_round(player):
    return player.round_number in {practice(player), practice(player) + player.session.config["paid"]}


class Told(Page):
    """A page whose script offers `readPage()`."""

    template_name = "calls/Told.html"
    calls = ""

    @classmethod
    def js_vars(cls, player):
        return {"told": cls.tell(player), "calls": cls.calls}

    @classmethod
    def vars_for_template(cls, player):
        return {"names": []}

    @staticmethod
    def is_displayed(player):
        return player.round_number <= practice(player) + player.session.config["paid"]


class ConsentWaitPage(Page):
    @staticmethod
    def is_displayed(player):
        return player.round_number == 1 and not player.session.vars.get("open")

    @staticmethod
    def vars_for_template(player):
        player.participant.vars["looks"] = player.participant.vars.get("looks", 0) + 1
        player.session.vars["open"] = player.participant.vars["looks"] > 1
        return {}


class ConsentPage(Told):
    calls = "consent"

    @staticmethod
    def tell(player):
        return {"source": "consent_page"}

    @staticmethod
    def is_displayed(player):
        return player.round_number == 1


class PreMarketWait(WaitPage):
    is_displayed = staticmethod(Told.is_displayed)

    @staticmethod
    def after_all_players_arrive(group):
        for one in group.get_players():
            endow(one)


class PracticeMarkerPage(Told):
    calls = "marker"

    @staticmethod
    def get_timeout_seconds(player):
        return 15 if is_practice(player) else 30

    @staticmethod
    def tell(player):
        if is_practice(player):
            return {"source": "begin_practice", "instructions": "You will first practise."}
        points = ["One", "Two", "Three", "Four"]
        return {"source": "end_practice", "instructions": "Now it counts.", "key_points": points}

    @staticmethod
    def is_displayed(player):
        return period(player) == 1 and Told.is_displayed(player)


class MarketGridChoice(Told):
    template_name = "calls/MarketGridChoice.html"

    @staticmethod
    def get_timeout_seconds(player):
        return player.session.config["market_seconds"]

    @staticmethod
    def tell(player):
        return told(player, "market_choice_page")

    @staticmethod
    def live_method(player, message):
        told = answer(player, message)
        return {player.id_in_group: told} if told else {}


def answer(player, message):
    if message["func"] == "get_orders_for_player":
        own = [one for one in Order.filter(player=player) if not one.deleted]
        listed = [{"id": o.id, "type": o.kind, "quantity": o.quantity, "price": o.price} for o in own]
        return {"func": "order_list", "orders": listed}
    if message["func"] == "delete_order":
        for one in Order.filter(player=player):
            one.deleted = one.deleted or one.id == message["oid"]
        return {}
    data = message["data"]
    kind, quantity, price, _ = data["type"], int(data["quantity"]), float(data["price"]), data["ts"]
    own = [one for one in Order.filter(player=player) if not one.deleted]
    code = (price <= 0) * 1 + (quantity <= 0) * 4 + (kind not in ("BUY", "SELL")) * 16
    code += (price >= 10000) * 256 + (quantity >= 100) * 512
    held = sum(o.quantity for o in own if o.kind == "SELL")
    spent = sum(o.quantity * o.price for o in own if o.kind == "BUY")
    code += (kind == "SELL" and held + quantity > player.shares) * 4096
    code += (kind == "BUY" and spent + quantity * price > player.cash) * 8192
    code += (kind == "BUY" and any(o.kind == "SELL" and price >= o.price for o in own)) * 32
    code += (kind == "SELL" and any(o.kind == "BUY" and price <= o.price for o in own)) * 64
    if not code and price == player.session.config["refused_price"]:
        code = 2
    if code:
        return {"func": "order_rejected", "error_code": code, "warnings": []}
    if price == player.session.config["dropped_price"]:
        return {}
    order = Order.create(player=player, kind=kind, quantity=quantity, price=price)
    Order.filter(player=player)  # gives it its number
    if price == player.session.config["unanswered_price"]:
        return {}
    return {"func": "order_confirmed", "order_id": order.id, "warnings": []}


class ForecastPage(Told):
    calls = "forecast"
    form_model = "player"
    timeout_seconds = 30

    @staticmethod
    def get_form_fields(player):
        return [name for name, _ in horizons(player)]

    @classmethod
    def vars_for_template(cls, player):
        return {"names": [name for name, _ in horizons(player)]}

    @staticmethod
    def tell(player):
        now = period(player)
        inputs = [
            {
                "field": name,
                "label": f"{'In' if ahead else 'This'} period ({now + ahead})",
                "min": "0",
                "max": "30",
            }
            for name, ahead in horizons(player)
        ]
        return told(player, "forecast_page", forecast_data={"subsource": "forecast_form", "inputs": inputs})


def horizons(player):
    of = practice(player) if is_practice(player) else player.session.config["paid"]
    return [(f"f{n}", ahead) for n, ahead in enumerate(C.HORIZONS) if period(player) + ahead <= of]


class MarketWaitPage(WaitPage):
    is_displayed = staticmethod(Told.is_displayed)
    after_all_players_arrive = clear


class RoundResultsPage(Told):
    timeout_seconds = 10

    @staticmethod
    def tell(player):
        group = player.group
        lines = [
            f"Market price this period: {group.price:.2f}  ",
            f"Market volume this period: {group.volume} shares",
        ]
        lines += [f"You bought {player.bought} share at {group.price:.2f}  "] if player.bought else []
        lines += [f"You sold {player.sold} share at {group.price:.2f}  "] if player.sold else []
        messages = [{"class_attr": "result-msg", "msg": line} for line in lines]
        return told(
            player,
            "round_results_page",
            round_results_data={"subsource": "results_messages", "messages": messages},
        )


class FinalResultsPage(Told):
    calls = "final"
    timeout_seconds = 75

    @staticmethod
    def tell(player):
        value = f"{player.shares * C.BUY_BACK:.2f}  "
        if is_practice(player):
            return {"source": "practice_results", "shares": str(player.shares), "stock_val": value,
                    "market_price": f"{player.group.price:.2f}  ", "thoughts": ""}  # fmt: skip
        return {"source": "final_results", "participant_code": player.participant.code,
                "participation_fee": "$12.00", "market_bonus": f"${player.cash / 200:.2f}",
                "forecast_bonus": "$0.00", "total_payment": f"${12 + player.cash / 200:.2f}"}  # fmt: skip

    @staticmethod
    def is_displayed(player):
        return last_round(player)


class PaymentPage(Told):
    calls = "payment"

    @staticmethod
    def tell(player):
        return {"source": "payment_page"}

    @staticmethod
    def is_displayed(player):
        return player.round_number == practice(player) + player.session.config["paid"]


def custom_export(players):
    yield ["participant", "round", "kind", "quantity", "price"]
    for one in players:
        for order in Order.filter(player=one):
            code = one.participant.code
            yield [code, one.round_number, order.kind, order.quantity, json.dumps(order.price)]


page_sequence = [
    ConsentWaitPage, ConsentPage, PreMarketWait, PracticeMarkerPage, MarketGridChoice, ForecastPage,
    MarketWaitPage, RoundResultsPage, FinalResultsPage, PaymentPage,
]  # fmt: skip
