"""A model's error on numbered views: the row, the table, the plain loop.

A *survey* is a table with one row a view: its number, every factor of the view in degrees and metres, and every error
column. It is computed, stored and resumed in blocks of 256 consecutive view numbers, and a block's rows depend on
nothing but the plan and the model: not on who computes them, nor on how many. This room starts no workers.

    plain_survey(model, plan, count, renderer, layer)   -> Survey   one process, one block after the other
    evaluate_block(model, layer, records, views)        -> rows     the columns of one block
    figures(survey)                                     -> dict     MPJPE and its companions, by elevation too
    Survey.load(store)                                  -> Survey   from Parquet, one file a block
"""

from share_dist.survey.blocks import BLOCK as BLOCK
from share_dist.survey.blocks import block_name as block_name
from share_dist.survey.blocks import block_ranges as block_ranges
from share_dist.survey.blocks import parquet_from_rows as parquet_from_rows
from share_dist.survey.blocks import read_block as read_block
from share_dist.survey.blocks import rows_from_parquet as rows_from_parquet
from share_dist.survey.blocks import write_block as write_block
from share_dist.survey.config import SurveyConfig as SurveyConfig
from share_dist.survey.figures import figures as figures
from share_dist.survey.figures import has_value as has_value
from share_dist.survey.figures import measured as measured
from share_dist.survey.plain import plain_survey as plain_survey
from share_dist.survey.rows import ERROR_COLUMNS as ERROR_COLUMNS
from share_dist.survey.rows import error_rows as error_rows
from share_dist.survey.rows import evaluate_block as evaluate_block
from share_dist.survey.table import Survey as Survey
from share_dist.survey.table import open_survey as open_survey
from share_dist.survey.table import survey_meta as survey_meta
