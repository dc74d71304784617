"""What analytics refuses, as problem details."""

from shared.api.problems import NotFound, Problem


class StudyNotFound(NotFound):
    """No such study, or not one this caller may see."""


class NotPublished(NotFound):
    type = "not-published"
    title = "Nothing has been published of this study yet. That happens once, after it is closed."


class ApprovedBySomebodyElse(Problem):
    status = 403
    type = "approved-by-somebody-else"
    title = "A study is approved and closed by somebody else than its analyst."


class StudyNotStarted(Problem):
    status = 409
    type = "study-not-started"
    title = "This study isn't approved yet: there is nothing to read."


class WrongStatus(Problem):
    status = 409
    type = "wrong-study-status"
    title = "That can't be done with this study now."


class EndsInThePast(Problem):
    status = 422
    type = "ends-in-the-past"
    title = "A study ends today at the earliest."


class FieldWithoutSource(Problem):
    status = 422
    type = "field-without-source"
    title = "A field was named whose source isn't among the study's sources."
