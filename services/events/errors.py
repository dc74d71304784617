"""What can go wrong with cafés, each with its status and a sentence that helps.

Problem
├── NotFound                 (shared: doesn't exist, or is another community's)
├── CommunityNameTaken       409
├── GatheringIsCancelled     409
├── GatheringIsOver          409
├── GatheringNotYet          409
├── GatheringWasHeld         409
├── NotTheDay                409
├── NamesNotTaken            409
├── NotComing                409
├── CheckInClosed            409
├── CodeIsWrong              422
├── ReasonNeeded             422
├── DayHasPassed             422
├── TooFarAhead              422
└── ZoneUnknown              422
"""

from shared.api.problems import NotFound, Problem

__all__ = [
    "CheckInClosed",
    "CodeIsWrong",
    "CommunityNameTaken",
    "DayHasPassed",
    "GatheringIsCancelled",
    "GatheringIsOver",
    "GatheringNotYet",
    "GatheringWasHeld",
    "NamesNotTaken",
    "NotComing",
    "NotFound",
    "NotTheDay",
    "ReasonNeeded",
    "TooFarAhead",
    "ZoneUnknown",
]


class CommunityNameTaken(Problem):
    status = 409
    type = "community-name-taken"
    title = "There is a community of this name already."


class GatheringIsCancelled(Problem):
    status = 409
    type = "gathering-is-cancelled"
    title = "This café has been cancelled."


class GatheringIsOver(Problem):
    status = 409
    type = "gathering-is-over"
    title = "This café is over."


class GatheringNotYet(Problem):
    status = 409
    type = "gathering-not-yet"
    title = "This café hasn't begun. People can be counted from an hour before it starts."


class GatheringWasHeld(Problem):
    status = 409
    type = "gathering-was-held"
    title = "The people at this café have been counted, so it can't be moved or cancelled."


class NotTheDay(Problem):
    status = 409
    type = "not-the-day"
    title = "This answer is for the day of the café."


class NamesNotTaken(Problem):
    status = 409
    type = "names-not-taken"
    title = "Nobody plans this café just now, so there is nobody to leave a name with."


class NotComing(Problem):
    status = 409
    type = "not-coming"
    title = "You said that you won't be there, so no name is left for you. Answer Come along or Maybe first."


class CheckInClosed(Problem):
    status = 409
    type = "check-in-closed"
    title = "Check-in is open from one hour before the café starts until four hours after."


class CodeIsWrong(Problem):
    status = 422
    type = "code-is-wrong"
    title = "That isn't today's code. Please look at it once more."


class ReasonNeeded(Problem):
    status = 422
    type = "reason-needed"
    title = "Please say in a few words why, so that people know."


class DayHasPassed(Problem):
    status = 422
    type = "day-has-passed"
    title = "This day has passed."


class TooFarAhead(Problem):
    status = 422
    type = "too-far-ahead"
    title = "Cafés can be planned up to two years ahead."


class ZoneUnknown(Problem):
    status = 422
    type = "zone-unknown"
    title = "This time zone isn't known. It looks like Europe/Oslo."
