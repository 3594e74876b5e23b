-- One macro per type of formats.toml: a cell's text in, its value out, or null where the text is
-- not that type. as_text comes first; the others take what it gives, never blanks. Strict on
-- purpose: what could be read in two ways is null. The spelling that files have most is tried
-- first, because a regular expression costs more than the cast.

-- without the blanks around it; nothing but blanks is no value
create or replace temp macro as_text(txt) as
    case
        -- ASCII, and neither its first nor its last character is a blank
        when strlen(txt) = length(txt) and txt >= '!' and txt[-1] >= '!' then txt
        else nullif(
            trim(
                txt,
                ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160) || chr(65279)
            ),
            ''
        )
    end;

create or replace temp macro plain_whole(num, txt) as
    case when num between 0 and 999999999999999999 and cast(num as varchar) = txt then num end;

-- whole, not negative, at most 18 digits; 150.0 is whole
create or replace temp macro as_tokens(txt) as coalesce(
    plain_whole(try_cast(txt as bigint), txt),
    case
        when regexp_full_match(txt, '0*[0-9]{1,18}(\.0*)?')
            then try_cast(split_part(txt, '.', 1) as bigint)
    end
);

-- plain or exponent notation, a leading $ dropped, rounded half away from zero. DuckDB casts no
-- exponent notation with more than 18 digits before the point: such an amount is null.
create or replace temp macro as_decimal(txt) as
    case
        when regexp_full_match(txt, '-?[0-9]*\.?[0-9]+([eE]-?[0-9]{1,9})?')
            then try_cast(txt as decimal(30, 18))
        when regexp_full_match(
            txt, '([+-]?\$?\s*|\$\s*[+-])([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,9})?'
        )
            then try_cast(regexp_replace(txt, '[$\s]', '', 'g') as decimal(30, 18))
    end;

create or replace temp macro below(num, bound) as case when abs(num) < bound then num end;

-- a line of a billion USD or more is no line of a bill
create or replace temp macro as_usd(txt) as below(as_decimal(txt), 1000000000);

create or replace temp macro as_cents(txt) as below(as_decimal(txt), 100000000000);

create or replace temp macro not_negative(num) as case when num >= 0 then num end;

create or replace temp macro as_seconds(txt) as
    try_cast(not_negative(as_decimal(txt)) as decimal(18, 6));

create or replace temp macro plain_timestamp(moment, txt) as
    case when cast(moment as varchar) = txt then moment end;

-- ISO 8601 with or without zone (none is UTC), or a date. A cast to timestamp skips over a zone,
-- so it sees none; an offset is at most 14 hours.
create or replace temp macro iso_timestamp(txt) as
    case
        when regexp_full_match(
            txt, '\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|z|UTC)?)?'
        )
            then try_cast(rtrim(txt, 'ZzUTC ') as timestamp)
        when regexp_full_match(
            txt,
            '\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*[+-](0\d|1[0-4])(:?[0-5]\d)?'
        )
            then try_cast(regexp_replace(txt, '\s*([+-][0-9:]+)$', '\1') as timestamptz)
                at time zone 'UTC'
    end;

-- seconds or milliseconds since 1970, told apart by their digits
create or replace temp macro epoch_timestamp(txt) as
    case
        when regexp_full_match(txt, '\d{9,10}(\.\d+)?')
            then make_timestamp(try_cast(try_cast(txt as decimal(24, 6)) * 1000000 as bigint))
        when regexp_full_match(txt, '\d{12,13}(\.\d+)?')
            then make_timestamp(try_cast(try_cast(txt as decimal(24, 3)) * 1000 as bigint))
    end;

create or replace temp macro in_our_time(moment) as
    case when moment >= timestamp '2000-01-01' and moment < timestamp '2100-01-01' then moment end;

create or replace temp macro as_timestamp(txt) as in_our_time(
    coalesce(
        plain_timestamp(try_cast(txt as timestamp), txt), iso_timestamp(txt), epoch_timestamp(txt)
    )
);

create or replace temp macro as_boolean(txt) as
    case
        when lower(txt) in ('true', 't', 'yes', 'y', '1') then true
        when lower(txt) in ('false', 'f', 'no', 'n', '0') then false
    end;

create or replace temp macro as_currency(txt) as case when upper(txt) = 'USD' then 'USD' end;
